import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  schema: "./src/admin/store/sqlite/schema.ts",
  out: "./src/admin/store/sqlite/migrations",
});
