// The documents as texts: links lead somewhere, every block is run, read or marked, what they name is there, and the numbered
// security cases are those of the tests. What their commands do: test/e2e/tour.test.ts.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";
import { Glob } from "bun";
import { documents, type MarkdownDocument, parseMarkdown, promisedBy } from "./harness/markdown.ts";

const root = resolve(import.meta.dir, "..");
const all = await documents();
const byPath = new Map(all.map((document) => [document.path, document]));

/** What is wrong with a link of this document; null: nothing. */
function fault({ path, anchors }: MarkdownDocument, link: string): string | null {
  if (/^[a-z]+:/.test(link)) return null;
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? path : normalize(join(dirname(path), file));
  const isThere = file === "" || (!target.startsWith("..") && existsSync(join(root, target)));
  if (!isThere) return `${path}: no ${link}`;
  const there = file === "" ? anchors : byPath.get(target)?.anchors;
  if (anchor === undefined || there?.includes(anchor)) return null;
  return `${path}: no heading ${link}`;
}

/** Files and folders of the repository that a document names in code. */
function pathsIn({ code }: MarkdownDocument): string[] {
  return code.filter((words) => /^(src|test|proto|load|docs)\/[\w./-]+$/.test(words));
}

async function textOf(path: string): Promise<string> {
  return await Bun.file(join(root, path)).text();
}

describe("the documents", () => {
  test("the front page is short, and leads to every other document", () => {
    const readme = byPath.get("README.md");
    expect(readme?.text.split("\n").length).toBeLessThanOrEqual(151);
    const others = all.map(({ path }) => path).filter((path) => path !== "README.md");
    expect(others.length).toBeGreaterThan(15);
    expect(others.filter((path) => !readme?.links.includes(path))).toEqual([]);
  });

  test("every link between them leads to a file, and to a heading of it", () => {
    const faults = all.flatMap((document) => document.links.map((link) => fault(document, link)));
    expect(faults.filter((found) => found !== null)).toEqual([]);
    expect(faults.length).toBeGreaterThan(60);
  });

  test.each([
    ["missing.md", "docs/x.md: no missing.md"],
    ["../../outside.md", "docs/x.md: no ../../outside.md"],
    ["../README.md#no-such-heading", "docs/x.md: no heading ../README.md#no-such-heading"],
    ["#nowhere", "docs/x.md: no heading #nowhere"],
    ["#a-title", null],
    ["../README.md#one-request", null],
    ["https://example.com/x", null],
  ])("the check of links says of %s: %p", (link, expected) => {
    expect(fault(parseMarkdown("docs/x.md", `# A title\n\n[x](${link})\n`), link)).toBe(expected);
  });

  test("every block is run, is JSON, is a picture, or says why it is not run", () => {
    const wrong: string[] = [];
    for (const { path, blocks } of all) {
      for (const { line, language, notRun, text } of blocks) {
        const where = `${path}:${line}`;
        // test/e2e/tour.test.ts runs what has no mark.
        if (notRun !== null ? notRun.length > 10 : ["sh", "ts", "text"].includes(language))
          continue;
        if (language === "json") JSON.parse(text);
        else wrong.push(`${where}: ${language || "no language"}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("a block without a language, or a mark without a reason, would be noticed", () => {
    const { blocks } = parseMarkdown(
      "x.md",
      "```\na\n```\n```sh not-run:\nb\n```\n```sh not-run: why it is\nc\n```\n",
    );
    expect(blocks.map(({ language, notRun }) => [language, notRun])).toEqual([
      ["", null],
      ["", null],
      ["sh", "why it is"],
    ]);
  });

  test("what a script promises is read from lines of their own and from behind a command", () => {
    expect(promisedBy("a\n# → one\nb  # → two\nc(); // → three\n")).toEqual([
      "one",
      "two",
      "three",
    ]);
  });

  test("files and folders that they name are there", () => {
    const missing = all.flatMap((document) =>
      pathsIn(document)
        .filter((path) => !existsSync(join(root, path)))
        .map((path) => `${document.path}: ${path}`),
    );
    // The changelog tells of files that are gone.
    expect(missing.filter((line) => !line.startsWith("CHANGELOG.md:"))).toEqual([]);
  });

  test("none names a text that a clone does not have", () => {
    const foreign = /\bseed \d{3}\b|\bdesign\.md\b|\bcontract\.md\b|\bhouse\.md\b|\.\.\/shared/;
    expect(all.filter(({ text }) => foreign.test(text)).map(({ path }) => path)).toEqual([]);
  });

  describe("the architecture", async () => {
    const rules = await textOf("test/tidy.test.ts");
    const architecture = byPath.get("docs/architecture.md")?.text ?? "";
    /** The lists of names that this table of the house rules has. */
    const lists = (table: string): [string, string[]][] => {
      const [, rows = ""] =
        new RegExp(`^const ${table}[^=]*= \\{\n(.*?)^\\};`, "ms").exec(rules) ?? [];
      return [...rows.matchAll(/^ {2}"?([\w/-]+)"?: \[([^\]]*)\]/gm)].map(
        ([, key = "", list = ""]) => [
          key,
          [...list.matchAll(/"([^"]+)"/g)].map(([, name]) => `\`${name}\``),
        ],
      );
    };

    test.each(lists("directions"))(
      "says what %s may import, as the house rules do",
      (layer, allowed) => {
        const row = architecture.split("\n").find((line) => line.startsWith(`| \`${layer}\` |`));
        expect(row?.split(" | ").at(-1)).toBe(
          allowed.length === 0 ? "|" : `${allowed.join(", ")} |`,
        );
      },
    );

    test.each(lists("rooms"))("has the rooms of %s in their order", (layer, order) => {
      expect(architecture).toContain(`| \`${layer}\` | ${order.join(" < ")} |`);
    });

    test("is compared with lists that are there", () => {
      expect(lists("directions").length).toBeGreaterThan(8);
      expect(lists("rooms").length).toBeGreaterThan(1);
    });
  });

  test("decisions are numbered without a gap, and each says what would change our mind", () => {
    const text = byPath.get("docs/decisions.md")?.text ?? "";
    const entries = text.split(/^(?=\d+\. \*\*)/m).slice(1);
    expect(entries.map((entry) => Number.parseInt(entry, 10))).toEqual(
      entries.map((_, i) => i + 1),
    );
    const open = entries.filter((entry) => !/Would change our mind:|Superseded by \d+/.test(entry));
    expect(open).toEqual([]);
  });
});

describe("the catalogue of security cases", async () => {
  /** Case number → the files that hold it. */
  const catalogue = new Map<string, string[]>();
  for (const line of (byPath.get("docs/security-cases.md")?.text ?? "").split("\n")) {
    const [, number, files = ""] = /^\| ([A-Z]\d+) \| .* \| (`test\/[^|]*`) \|$/.exec(line) ?? [];
    if (number !== undefined) {
      catalogue.set(
        number,
        [...files.matchAll(/`([^`]+)`/g)].map(([, file = ""]) => file),
      );
    }
  }
  /** Not `%C3`, `\xC3`, `HTTP/H2`: a number that stands alone. */
  const citation = /(?<![\w%\\#$./-])[BCDFGHIJKMNRSW][1-9]\d?(?!\w)/g;
  const cited = new Map<string, Set<string>>();
  for (const file of new Glob("test/**/*.ts").scanSync({ cwd: root })) {
    if (file === "test/docs.test.ts") continue;
    for (const [number] of (await textOf(file)).matchAll(citation)) {
      cited.set(number, (cited.get(number) ?? new Set()).add(file));
    }
  }

  test("has every number that a test names", () => {
    expect(cited.size).toBeGreaterThan(90);
    expect([...cited.keys()].filter((number) => !catalogue.has(number)).sort()).toEqual([]);
  });

  test("names the files that hold each, no more and no fewer", () => {
    expect(catalogue.size).toBeGreaterThan(90);
    for (const [number, files] of catalogue) {
      expect([number, ...files.toSorted()]).toEqual([
        number,
        ...[...(cited.get(number) ?? [])].sort(),
      ]);
    }
  });

  test("has every number that a document names", () => {
    const inDocuments = ["docs/edge-limits.md"].flatMap((path) =>
      [...(byPath.get(path)?.text ?? "").matchAll(citation)].map(([number]) => number),
    );
    expect(inDocuments.length).toBeGreaterThan(10);
    expect(inDocuments.filter((number) => !catalogue.has(number))).toEqual([]);
  });
});
