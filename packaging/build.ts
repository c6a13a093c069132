// `bun run build`: makes dist/, the package that npm publishes. The server is bundled, the client is compiled file by file.
import { chmod, cp, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { $, Glob } from "bun";
import { copyAssets, ownFolders } from "./assets.ts";
import { manifest } from "./manifest.ts";

const root = join(import.meta.dir, "..");
const programMode = 0o755;

/** Bundles the server and the command line with their assets into a folder. */
export async function bundleServer(folder: string): Promise<void> {
  await Bun.build({
    entrypoints: [join(root, "src/main.ts"), join(root, "src/exchange-log/log-worker.ts")],
    outdir: folder,
    target: "bun",
    // The command line loads only what it needs.
    splitting: true,
    naming: { entry: "[name].[ext]", chunk: "[hash].[ext]" },
    plugins: [ownFolders],
  });
  await copyAssets(folder);
}

async function compileClient(folder: string): Promise<void> {
  await $`bunx tsc -p packaging/tsconfig.client.json --outDir ${folder}`.cwd(root);
  // tsc rewrites the endings of imports in code, but not in declarations.
  for (const file of new Glob("**/*.d.ts").scanSync({ cwd: folder, absolute: true })) {
    const text = await Bun.file(file).text();
    await Bun.write(file, text.replace(/((?:from |import\()"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"'));
  }
  // Beside src/ and proto/ of the sources.
  for (const below of await readdir(join(folder, "src"))) {
    if (below !== "client") throw new Error(`the client needs src/${below}`);
  }
}

async function build(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await Promise.all([
    bundleServer(join(folder, "server")),
    compileClient(join(folder, "lib")),
    cp(join(import.meta.dir, "launcher.js"), join(folder, "bin/realmgate.js")),
    ...["README.md", "LICENSE"].map((file) =>
      cp(join(root, file), join(folder, file)),
    ),
  ]);
  await chmod(join(folder, "bin/realmgate.js"), programMode);
  const text = JSON.stringify(manifest(Bun.version), null, 2);
  await Bun.write(join(folder, "package.json"), `${text}\n`);
}

if (import.meta.main) await build(resolve(process.argv[2] ?? join(root, "dist")));
