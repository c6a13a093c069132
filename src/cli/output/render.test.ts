// What stdout gets, for each form of output.
import { describe, expect, test } from "bun:test";
import { parse } from "yaml";
import type { Output } from "../settings/global-flags.ts";
import { documentText } from "./document-text.ts";
import { render } from "./render.ts";
import type { Show } from "./show.ts";

const list: Show = { as: "list", items: "things", columns: ["id", "name"], wide: ["inner.note"] };
const data = {
  things: [
    { id: "67e89abc123def456789abcd", name: "plain", inner: { note: "n" } },
    { id: "890abcdef12345678901cdef", name: "red\u001b[31m", inner: {} },
  ],
};

function shown(
  output: Output,
  options: { show?: Show; data?: unknown; quiet?: boolean; columns?: number } = {},
) {
  const { show = list, quiet = false, columns = null } = options;
  const answered = { data: options.data ?? data, raw: '{"data":1}' };
  return render(show, answered, { output, quiet, columns, emphasise: (text) => text });
}

describe("a list", () => {
  test("is a table, harmless", () => {
    expect(shown("table")).toBe(
      [
        "ID                        NAME",
        "67e89abc123def456789abcd  plain",
        "890abcdef12345678901cdef  red\\u{1b}[31m",
        "",
      ].join("\n"),
    );
  });

  test("has more columns when wide", () => {
    expect(shown("wide").split("\n")[0]).toEndWith("INNER NOTE");
  });

  test("prints ids only with -q, whatever else was asked for", () => {
    const ids = "67e89abc123def456789abcd\n890abcdef12345678901cdef\n";
    for (const output of ["table", "json", "yaml", "raw"] as const) {
      expect(shown(output, { quiet: true })).toBe(ids);
    }
  });

  test("of nothing prints nothing", () => {
    expect(shown("table", { data: { things: [] } })).toBe("");
    expect(shown("table", { data: { others: 1 } })).toBe("");
  });

  test("fits a terminal: names give way, ids do not", () => {
    const long = { things: [{ id: "67e89abc123def456789abcd", name: "n".repeat(80) }] };
    const lines = shown("table", { data: long, columns: 50 }).trimEnd().split("\n");
    expect(lines[1]).toBe(`67e89abc123def456789abcd  ${"n".repeat(23)}…`);
    for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(50);
  });

  test("counts columns as a terminal does", () => {
    const wide = {
      things: [
        { id: "a", name: "東京" },
        { id: "b", name: "x" },
      ],
    };
    const show: Show = { ...list, columns: ["name", "id"] };
    expect(shown("table", { data: wide, show })).toBe("NAME  ID\n東京  a\nx     b\n");
  });
});

describe("for programs", () => {
  test("JSON and YAML are the data, unwrapped, with nothing a terminal obeys", () => {
    for (const [output, read] of [
      ["json", (text: string) => JSON.parse(text)],
      ["yaml", (text: string) => parse(text)],
    ] as const) {
      const text = shown(output);
      expect(read(text)).toEqual(data);
      expect(text).not.toContain("\u001b");
    }
  });

  test.each([
    "yes",
    "2026-11-25",
    "a: b",
    "two\nlines",
    "two\nlines\u202e",
    "\u009b",
    "# no comment",
    "",
    "0x1f",
    "- x",
  ])("YAML keeps the text %j, also for readers of YAML 1.1", (text) => {
    const printed = shown("yaml", { data: { text, [text]: 1 } });
    expect(parse(printed)).toEqual({ text, [text]: 1 });
    expect(parse(printed, { version: "1.1" })).toEqual({ text, [text]: 1 });
  });

  test("raw is the body as it came", () => {
    expect(shown("raw")).toBe('{"data":1}\n');
  });
});

describe("one thing", () => {
  const record: Show = { as: "record" };

  test("is names and values", () => {
    const one = {
      id: "a",
      realm_ids: [],
      note: null,
      ports: { http: { port: 1 } },
      permissions: { containers: { read: true, create: false }, admin: {} },
    };
    expect(shown("table", { show: record, data: one })).toBe(
      [
        "id           a",
        "realm ids    -",
        "note         -",
        'ports        {"http":{"port":1}}',
        "permissions  containers.read",
        "",
      ].join("\n"),
    );
  });

  test("with -q is its id", () => {
    expect(shown("table", { show: record, data: { id: "a" }, quiet: true })).toBe("a\n");
    const show: Show = { as: "record", of: "hook" };
    expect(shown("table", { show, data: { hook: { id: "h" } }, quiet: true })).toBe("h\n");
  });
});

test("a document shows who, how and what, and no secret", () => {
  const document = {
    project: "67e89abc123def456789abcd",
    etag: "file:v3",
    default: "deny",
    groups: {
      office: { type: "ip", range: "203.0.113.0/24", enabled: false },
      customers: {
        type: "jwt",
        secret: "S3CRET",
        algorithm: "HS256",
        sources: ["header:Authorization"],
        claims: { aud: "api" },
      },
      ops: { type: "password", username: "ops", password: "S3CRET", salt: "S3CRET" },
      partners: { type: "token", value: "S3CRET", cookie: "sid" },
      "\u001b[2J": { type: "later", value: "S3CRET" },
    },
    permissions: { office: { http: true, terminal: [1, 2] }, ops: {} },
  };
  const text = documentText(document, { columns: null, emphasise: (each) => each }).join("\n");
  expect(text).toBe(
    [
      "project  67e89abc123def456789abcd",
      "etag     file:v3",
      "default  deny",
      "",
      "GROUP      TYPE      PROOF                                             PROGRAMS",
      "office     ip (off)  203.0.113.0/24                                    http=true terminal=[1,2]",
      'customers  jwt       HS256 in header:Authorization with {"aud":"api"}  -',
      "ops        password  user ops                                          -",
      "partners   token     in cookie sid                                     -",
      "\\u{1b}[2J  later     -                                                 -",
    ].join("\n"),
  );
});
