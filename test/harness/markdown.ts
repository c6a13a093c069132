// What the tests of documents read from Markdown: headings, links, and fenced blocks with what is to be done with them.
import { join, resolve } from "node:path";
import { Glob } from "bun";

const root = resolve(import.meta.dir, "../..");

export interface Block {
  /** The line of its opening fence, from 1. */
  readonly line: number;
  /** The first word of its info string: `sh`, `ts`, `json`, `text`. */
  readonly language: string;
  /** Why it is not run, from `not-run: REASON`; null: it is. */
  readonly notRun: string | null;
  /** The nearest heading above it. */
  readonly heading: string;
  readonly text: string;
}

export interface MarkdownDocument {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
  readonly blocks: readonly Block[];
  /** As GitHub makes them of headings. */
  readonly anchors: readonly string[];
  /** Targets of inline links outside of blocks. */
  readonly links: readonly string[];
  /** What stands between single backticks outside of blocks. */
  readonly code: readonly string[];
}

/** Every document of the repository, README first. */
export async function documents(): Promise<MarkdownDocument[]> {
  const paths = ["*.md", "docs/**/*.md"].flatMap((pattern) =>
    [...new Glob(pattern).scanSync({ cwd: root })].sort(),
  );
  const read = async (path: string) => parseMarkdown(path, await Bun.file(join(root, path)).text());
  return await Promise.all(paths.map(read));
}

export function parseMarkdown(path: string, text: string): MarkdownDocument {
  const blocks: Block[] = [];
  const anchors: string[] = [];
  const prose: string[] = [];
  let heading = "";
  let open: { line: number; info: string; lines: string[] } | null = null;
  for (const [index, line] of text.split("\n").entries()) {
    if (open === null) {
      if (line.startsWith("```")) {
        open = { line: index + 1, info: line.slice(3).trim(), lines: [] };
        continue;
      }
      const title = /^#+ (.*)$/.exec(line)?.[1];
      if (title !== undefined) {
        heading = title;
        anchors.push(anchorOf(title, anchors));
      }
      prose.push(line);
    } else if (line.startsWith("```")) {
      const [, language = "", notRun = null] = /^(\S*)(?:\s+not-run: (.+))?$/.exec(open.info) ?? [];
      blocks.push({ line: open.line, language, notRun, heading, text: open.lines.join("\n") });
      open = null;
    } else {
      open.lines.push(line);
    }
  }
  if (open !== null) throw new Error(`${path}:${open.line}: a block without an end`);
  const outside = prose.join("\n");
  const links = [...outside.matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  const code = [...outside.matchAll(/`([^`\n]+)`/g)].map(([, words = ""]) => words);
  return { path, text, blocks, anchors, links, code };
}

/** GitHub's: lower case, punctuation gone, spaces as dashes, a number for the second of the same. */
function anchorOf(title: string, taken: readonly string[]): string {
  const anchor = title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M} _-]/gu, "")
    .replaceAll(" ", "-");
  const before = taken.filter((one) => one === anchor || one.startsWith(`${anchor}-`)).length;
  return taken.includes(anchor) ? `${anchor}-${before}` : anchor;
}

/** The lines that a script promises to print: `# → LINE`, in TypeScript `// → LINE`, on a line of its own or behind a command. */
export function promisedBy(script: string): string[] {
  return [...script.matchAll(/(?:^|\s)(?:#|\/\/) → (.*)$/gm)].map(([, line = ""]) => line);
}
