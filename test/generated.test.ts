// Generated code is committed and current.
import { expect, test } from "bun:test";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { $, Glob } from "bun";
import { flagOf, settings } from "../src/config/settings.ts";

const root = resolve(import.meta.dir, "..");

async function files(folder: string): Promise<Record<string, string>> {
  const paths = [...new Glob("**/*").scanSync({ cwd: folder })].sort();
  const entries = paths.map(async (path) => [path, await Bun.file(join(folder, path)).text()]);
  return Object.fromEntries(await Promise.all(entries));
}

test("proto/gen and the comments are what `bun run generate` makes of proto/realmgate", async () => {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-generate-"));
  try {
    await $`node_modules/.bin/buf generate -o ${folder}`.cwd(root).quiet();
    await $`${process.execPath} proto/generate-comments.ts ${folder}`.cwd(root).quiet();
    const generated = await files(join(folder, "proto/gen"));
    expect(Object.keys(generated).length).toBeGreaterThan(5);
    expect(await files(join(root, "proto/gen"))).toEqual(generated);
    const comments = (of: string) => Bun.file(join(of, "proto/comments.json")).text();
    expect(await comments(root)).toBe(await comments(folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);

test("the client's operations and types are what `bun run generate` makes of the descriptors", async () => {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-generate-"));
  try {
    await $`${process.execPath} src/client/generate-api.ts ${folder}`.cwd(root).quiet();
    const generated = await files(join(folder, "src/client/gen"));
    expect(Object.keys(generated)).toEqual(["api.ts", "error-codes.ts", "operations.ts"]);
    expect(await files(join(root, "src/client/gen"))).toEqual(generated);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("docs/configuration.md is what `bun run generate` makes of the settings", async () => {
  const folder = mkdtempSync(join(tmpdir(), "realmgate-generate-"));
  try {
    await $`${process.execPath} src/config/generate-documentation.ts ${folder}`.cwd(root).quiet();
    const document = (of: string) => Bun.file(join(of, "docs/configuration.md")).text();
    expect(await document(root)).toBe(await document(folder));
    for (const [name, { default: fallback }] of Object.entries(settings)) {
      const [row = "", ...others] = (await document(root))
        .split("\n")
        .filter((line) => line.startsWith(`| \`${name}\` | \`${flagOf(name)}\` |`));
      expect(others).toEqual([]);
      expect(row).toContain(fallback === "" ? "|" : `| \`${fallback}\` |`);
      expect(row.split(" | ")).toHaveLength(5);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.each([
  ["sqlite", "drizzle.config.ts"],
  ["postgres", "drizzle.postgres.config.ts"],
])(
  "the migrations of %s are what drizzle-kit makes of the schema",
  async (store, name) => {
    const folder = mkdtempSync(join(tmpdir(), "realmgate-migrations-"));
    try {
      const migrations = join(folder, "migrations");
      cpSync(join(root, `src/admin/store/${store}/migrations`), migrations, { recursive: true });
      const before = await files(migrations);
      const { default: present } = await import(join(root, name));
      // Takes relative folders only, and ends with 0 whatever happens.
      const config = { ...present, out: relative(root, migrations) };
      await Bun.write(join(folder, "drizzle.config.json"), JSON.stringify(config));
      const said =
        await $`node_modules/.bin/drizzle-kit generate --config ${join(folder, "drizzle.config.json")}`
          .cwd(root)
          .text();
      expect(said).toContain("No schema changes");
      expect(await files(migrations)).toEqual(before);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  60_000,
);
