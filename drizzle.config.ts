import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  schema: ["./src/admin/store/sqlite/schema.ts", "./src/admin/store/sqlite/node-tables.ts"],
  out: "./src/admin/store/sqlite/migrations",
});
