import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  schema: "./src/admin/store/schema.ts",
  out: "./src/admin/store/migrations",
});
