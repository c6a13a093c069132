import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: [
    "./src/admin/store/postgres/columns.ts",
    "./src/admin/store/postgres/schema.ts",
    "./src/admin/store/postgres/node-tables.ts",
  ],
  out: "./src/admin/store/postgres/migrations",
});
