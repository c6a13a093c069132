// Files that the server reads while it runs: they stand beside its bundle, under the names that its modules look for.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type BunPlugin, Glob } from "bun";

const root = join(import.meta.dir, "..");

interface AssetSource {
  /** Folder beside the bundle. */
  readonly to: string;
  readonly from: string;
  readonly files: readonly string[];
}

function packageFolder(name: string): string {
  return dirname(fileURLToPath(import.meta.resolve(`${name}/package.json`)));
}

const sources: readonly AssetSource[] = [
  {
    to: ".",
    from: join(root, "src/admin/store"),
    files: ["*/migrations/*.sql", "*/migrations/meta/_journal.json"],
  },
  {
    to: "swagger-ui",
    from: packageFolder("swagger-ui-dist"),
    files: ["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png", "LICENSE"],
  },
  ...["grpc-health-check", "@grpc/reflection"].map((name) => ({
    to: `packages/${name}`,
    from: packageFolder(name),
    files: ["proto/**/*.proto", "build/proto/**/*.proto"],
  })),
];

/** Copies them into the folder of the bundle. */
export async function copyAssets(folder: string): Promise<void> {
  for (const { to, from, files } of sources) {
    for (const file of files.flatMap((pattern) => [
      ...new Glob(pattern).scanSync({ cwd: from }),
    ])) {
      await Bun.write(join(folder, to, file), Bun.file(join(from, file)));
    }
  }
}

/** `__dirname` of packages: the bundle would keep the path on the machine that made it. */
export const ownFolders: BunPlugin = {
  name: "own-folders",
  setup(build) {
    build.onLoad({ filter: /\/node_modules\/.+\.c?js$/ }, async ({ path }) => {
      const text = await Bun.file(path).text();
      if (!text.includes("__dirname")) return undefined;
      const below = dirname(path.slice(path.lastIndexOf("/node_modules/") + "/node_modules/".length));
      const folder = `require("node:path").join(require("node:path").dirname(Bun.main), ${JSON.stringify(`packages/${below}`)})`;
      return { contents: text.replaceAll("__dirname", folder), loader: "js" };
    });
  },
};
