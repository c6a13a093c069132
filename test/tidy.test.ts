// House rules as tests.
import { describe, expect, test } from "bun:test";
import { dirname, join, relative, resolve } from "node:path";
import { Glob } from "bun";

const root = resolve(import.meta.dir, "..");

/** What `src/policy` may use besides itself and `src/json`: it is pure. */
const policyPackages: ReadonlySet<string> = new Set(["jose", "ipaddr.js", "node:crypto"]);
/** The one file of it that knows messages. */
const policyDocument = "src/policy/document.ts";

/**
 * What each layer may import besides itself and packages. `src` stands for the files directly in it; whoever may
 * import `src/log.ts` imports nothing else from there.
 */
const directions: Readonly<Record<string, readonly string[]>> = {
  proto: [],
  "src/json": [],
  "src/policy": ["src/json"],
  "src/websocket": [],
  "src/http1": [],
  "src/guard": ["src/policy"],
  "src/exchange-log": ["src/guard"],
  "src/proxy": [
    "src/json",
    "src/policy",
    "src/websocket",
    "src/http1",
    "src/guard",
    "src/exchange-log",
    "proto",
  ],
  "src/admin": ["src/json", "src/policy", "src/guard", "src/exchange-log", "proto"],
  "src/gateway-rest": ["src/json", "src/guard", "proto"],
  "src/client": ["proto"],
  "src/cli": ["src/json", "src/client"],
  "src/config": ["src/policy", "src/proxy"],
  "src/workers": ["src/config", "src/exchange-log", "src/proxy"],
  "src/roles": [
    "src",
    "src/config",
    "src/policy",
    "src/guard",
    "src/exchange-log",
    "src/proxy",
    "src/admin",
    "src/gateway-rest",
    "src/websocket",
    "src/workers",
    "src/cli",
    "proto",
  ],
  src: ["src/config", "src/guard"],
};

/** Every layer may say where it reports; it is an interface. */
const LOG = "src/log.ts";

/** Rooms of a layer, bottom-up: a room imports itself and what stands before it. Files beside the rooms only wire. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  "src/proxy": [
    "routing",
    "snapshot",
    "gate",
    "exchange",
    "upstream",
    "hooks",
    "edge",
    "observe",
    "upgrade",
    "curl",
    "logs",
  ],
  "src/admin": [
    "store",
    "auth",
    "api",
    "documents",
    "feed",
    "aliases",
    "tokens",
    "projects",
    "nodes",
    "containers",
    "users",
    "events",
  ],
  "src/gateway-rest": ["routing", "transcoding", "openapi"],
  "src/cli": ["terminal", "flags", "settings", "output", "execution", "parse", "commands"],
};

/** Single files that may import more than their layer. */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  [policyDocument]: ["proto"],
  "src/main.ts": ["src/roles", "src/workers", "src/cli"],
};

interface Import {
  readonly file: string;
  readonly folder: string;
  readonly target: string;
}

/** Written by programs, and by others. */
const generated = ["proto/gen/", "src/client/gen/", "node_modules/"];

function sources(pattern: string): string[] {
  return [...new Glob(pattern).scanSync({ cwd: root })].filter(
    (file) => !generated.some((folder) => file.startsWith(folder)),
  );
}

function folderOf(file: string): string {
  const [first = "", second] = dirname(file).split("/");
  return first === "src" && second !== undefined ? `src/${second}` : first;
}

/** Of the four ways to write an import: `from`, for its effects, `import()` and `require()`. */
const specifier =
  /^(?:import\s|export\s+(?:type\s+)?[*{])[^;"]*"([^"]+)"|\b(?:import|require)\(\s*"([^"]+)"/gm;

function importsIn(file: string, text: string): Import[] {
  return [...text.matchAll(specifier)].map(([, stated, called]) => {
    const name = stated ?? called ?? "";
    const target = name.startsWith(".") ? relative(root, resolve(root, dirname(file), name)) : name;
    return { file, folder: folderOf(file), target };
  });
}

async function importsOf(file: string): Promise<Import[]> {
  return importsIn(file, await Bun.file(join(root, file)).text());
}

/** The strongly connected parts of a graph that have more than one node. */
function circles(graph: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const reachable = (from: string): Set<string> => {
    const seen = new Set<string>();
    const waiting = [...(graph.get(from) ?? [])];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (seen.has(next)) continue;
      seen.add(next);
      waiting.push(...(graph.get(next) ?? []));
    }
    return seen;
  };
  const reach = new Map([...graph.keys()].map((node) => [node, reachable(node)]));
  const found = new Map<string, string[]>();
  for (const [node, seen] of reach) {
    if (!seen.has(node)) continue;
    const circle = [...seen].filter((other) => reach.get(other)?.has(node)).sort();
    found.set(circle.join(), circle);
  }
  return [...found.values()];
}

function isForeignToPolicy({ file, folder, target }: Import): boolean {
  if (folder !== "src/policy") return false;
  if (/^src\/(policy|json)\//.test(target) || policyPackages.has(target)) return false;
  const ofMessages =
    target === "@bufbuild/protobuf" ||
    target.startsWith("proto/gen/") ||
    target === "proto/json-pointer.ts";
  return !(ofMessages && file === policyDocument);
}

const shipped = sources("{src,proto}/**/*.ts").filter((file) => !file.endsWith(".test.ts"));
const imports = (await Promise.all(shipped.map(importsOf))).flat();

describe("the tree", () => {
  test("imports point one way", () => {
    const wrong = imports.filter(({ file, folder, target }) => {
      if (!target.startsWith("src/") && !target.startsWith("proto/")) return false;
      const to = folderOf(target);
      const allowed = [...(directions[folder] ?? []), ...(exceptions[file] ?? [])];
      return to !== folder && target !== LOG && !allowed.includes(to);
    });
    expect(wrong).toEqual([]);
  });

  test.each(Object.entries(rooms))("the rooms of %s import downwards", (layer, order) => {
    const level = (file: string): number => {
      const [room, more] = file.slice(layer.length + 1).split("/");
      return more === undefined ? order.length : order.indexOf(room ?? "");
    };
    const inside = imports.filter(
      ({ file, target }) => file.startsWith(`${layer}/`) && target.startsWith(`${layer}/`),
    );
    expect(inside.filter(({ file }) => level(file) === -1)).toEqual([]);
    expect(
      inside
        .filter(({ file, target }) => level(target) > level(file))
        .map(({ file, target }) => `${file} -> ${target}`),
    ).toEqual([]);
  });

  test("no import goes round in a circle: neither between files nor between folders", () => {
    const files = new Map<string, Set<string>>();
    const folders = new Map<string, Set<string>>();
    const connect = (graph: Map<string, Set<string>>, from: string, to: string) =>
      graph.set(from, (graph.get(from) ?? new Set()).add(to));
    for (const { file, target } of imports) {
      if (!shipped.includes(target)) continue;
      connect(files, file, target);
      const [from, to] = [dirname(file), dirname(target)];
      if (from !== to && from !== "src" && to !== "src") connect(folders, from, to);
    }
    expect(circles(files)).toEqual([]);
    expect(circles(folders)).toEqual([]);
  });

  test("a circle would be noticed, and what only leads to one is not in it", () => {
    const graph = new Map(
      Object.entries({ a: ["b"], b: ["c"], c: ["b", "d"], d: [] }).map(
        ([from, to]) => [from, new Set(to)] as const,
      ),
    );
    expect(circles(graph)).toEqual([["b", "c"]]);
  });

  test("nothing in src imports from test, and the harness imports no test", async () => {
    const all = (await Promise.all(sources("{src,test/harness}/**/*.ts").map(importsOf))).flat();
    const wrong = all.filter(({ file, target }) =>
      file.startsWith("src/") ? target.startsWith("test/") : target.endsWith(".test.ts"),
    );
    expect(wrong).toEqual([]);
  });

  test("the check of directions sees imports at all, in every folder", () => {
    const layers = new Set(imports.map(({ folder }) => folder));
    expect([...layers].sort()).toEqual(Object.keys(directions).sort());
  });

  test.each([
    ["access.ts", 'import { x } from "../../proto/gen/realmgate/v1/feed_pb.ts";'],
    ["access.ts", 'import type { Message } from "@bufbuild/protobuf";'],
    ["access.ts", 'import { config } from "../config.ts";'],
    ["access.ts", 'import {\n  startProxy,\n} from "../proxy/server.ts";'],
    ["access.ts", 'export { pino } from "pino";'],
    ["access.ts", 'import "bun:sqlite";'],
    ["access.ts", 'const { eq } = await import("drizzle-orm/sql");'],
    ["access.ts", 'const fs = require("node:fs");'],
    ["access.ts", 'import { pointerStep } from "../../proto/json-pointer.ts";'],
    ["document.ts", 'import { call } from "../../proto/call.ts";'],
    ["document.ts", 'import { sql } from "drizzle-orm";'],
    ["document.ts", 'import { anyIs } from "@bufbuild/protobuf/wkt";'],
  ])("policy is pure: in %s it would be noticed that %j is foreign", (file, line) => {
    const [found, ...others] = importsIn(`src/policy/${file}`, `${line}\n`);
    expect([found && isForeignToPolicy(found), others]).toEqual([true, []]);
  });

  test("policy is pure: no package beyond its own, and nothing of the runtime", async () => {
    expect(imports.filter(isForeignToPolicy)).toEqual([]);
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

  test("bytes are copied by copiedBytes: slice of a Buffer is a view of memory that may be used again", async () => {
    const sliced: string[] = [];
    for (const file of sources("src/**/*.ts")) {
      if (file.endsWith(".test.ts")) continue;
      const code = await Bun.file(join(root, file)).text();
      if (/\b(bytes|chunk|buffer|scratch|written|piece)\.slice\(/i.test(code)) sliced.push(file);
    }
    expect(sliced).toEqual([]);
  });

  test("no folder is a drawer for leftovers", () => {
    const drawers = /(^|\/)(utils?|helpers?|common|shared|misc)(\/|\.ts$)/;
    expect(sources("{src,proto,test,load}/**/*.ts").filter((file) => drawers.test(file))).toEqual(
      [],
    );
  });

  test("installing runs no script of a dependency but esbuild's: some tell others that they were installed", async () => {
    const { trustedDependencies } = await Bun.file(join(root, "package.json")).json();
    expect(trustedDependencies).toEqual(["esbuild"]);
  });

  test("a source file fits a few screens: 400 lines, tests 750; fixtures are data", async () => {
    const long: string[] = [];
    for (const file of sources("{src,proto,test,load}/**/*.ts")) {
      if (/^test\/.*\/(fixtures|seed-\d+)\//.test(file)) continue;
      const lines = (await Bun.file(join(root, file)).text()).split("\n").length;
      const linesMax = file.startsWith("test/") || file.endsWith(".test.ts") ? 750 : 400;
      if (lines > linesMax) long.push(`${file}: ${lines}`);
    }
    expect(long).toEqual([]);
  });
});
