// House rules as tests.
import { describe, expect, test } from "bun:test";
import { dirname, join, relative, resolve } from "node:path";
import { Glob } from "bun";

const root = resolve(import.meta.dir, "..");

/** What each folder may import besides itself and packages. `src` stands for the files directly in it. */
const directions: Readonly<Record<string, readonly string[]>> = {
  proto: [],
  "src/policy": [],
  "src/proxy": ["src/policy", "proto"],
  "src/admin": ["src/policy", "proto"],
  "src/gateway-rest": ["proto"],
  src: ["src/policy", "src/proxy", "src/admin", "src/gateway-rest", "proto"],
};

/** Single files that may import more than their folder. */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  "src/policy/document.ts": ["proto"],
};

/** Packages that `src/policy` may use: it is pure. */
const policyPackages: ReadonlySet<string> = new Set(["jose", "ipaddr.js", "node:crypto"]);

interface Import {
  readonly file: string;
  readonly folder: string;
  readonly target: string;
}

function sources(pattern: string): string[] {
  return [...new Glob(pattern).scanSync({ cwd: root })].filter(
    (file) => !file.startsWith("proto/gen/") && !file.startsWith("node_modules/"),
  );
}

function folderOf(file: string): string {
  const [first = "", second] = dirname(file).split("/");
  return first === "src" && second !== undefined ? `src/${second}` : first;
}

async function importsOf(file: string): Promise<Import[]> {
  const text = await Bun.file(join(root, file)).text();
  const specifiers = [...text.matchAll(/^(?:import|export)[^;]*?from "([^"]+)";/gms)];
  return specifiers.map(([, specifier = ""]) => ({
    file,
    folder: folderOf(file),
    target: specifier.startsWith(".")
      ? relative(root, resolve(root, dirname(file), specifier))
      : specifier,
  }));
}

const shipped = sources("{src,proto}/**/*.ts").filter((file) => !file.endsWith(".test.ts"));
const imports = (await Promise.all(shipped.map(importsOf))).flat();

describe("the tree", () => {
  test("imports point one way", () => {
    const wrong = imports.filter(({ file, folder, target }) => {
      if (!target.startsWith("src/") && !target.startsWith("proto/")) return false;
      const to = folderOf(target);
      const allowed = [...(directions[folder] ?? []), ...(exceptions[file] ?? [])];
      return to !== folder && !allowed.includes(to);
    });
    expect(wrong).toEqual([]);
  });

  test("the check of directions sees imports at all, in every folder", () => {
    const folders = new Set(imports.map(({ folder }) => folder));
    expect([...folders].sort()).toEqual(Object.keys(directions).sort());
  });

  test("policy is pure: no package beyond its own, and nothing of the runtime", async () => {
    const foreign = imports.filter(
      ({ file, folder, target }) =>
        folder === "src/policy" &&
        !target.includes("/") &&
        !policyPackages.has(target) &&
        file !== "src/policy/document.ts",
    );
    expect(foreign).toEqual([]);
    for (const file of shipped.filter((file) => file.startsWith("src/policy/"))) {
      const text = await Bun.file(join(root, file)).text();
      expect({ file, impure: text.match(/\bBun\.|Date\.now|Math\.random|process\./)?.[0] }).toEqual(
        {
          file,
          impure: undefined,
        },
      );
    }
  });

  test("no folder is a drawer for leftovers", () => {
    const drawers = /(^|\/)(utils?|helpers?|common|shared|misc)(\/|\.ts$)/;
    expect(sources("{src,proto,test,load}/**/*.ts").filter((file) => drawers.test(file))).toEqual(
      [],
    );
  });

  test("a source file fits a few screens: 400 lines, tests 750; fixtures are data", async () => {
    const long: string[] = [];
    for (const file of sources("{src,proto,test,load}/**/*.ts")) {
      if (file.startsWith("test/fixtures/")) continue;
      const lines = (await Bun.file(join(root, file)).text()).split("\n").length;
      const linesMax = file.startsWith("test/") || file.endsWith(".test.ts") ? 750 : 400;
      if (lines > linesMax) long.push(`${file}: ${lines}`);
    }
    expect(long).toEqual([]);
  });
});
