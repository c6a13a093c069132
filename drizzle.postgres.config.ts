import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: "./src/admin/store/postgres/schema.ts",
  out: "./src/admin/store/postgres/migrations",
});
