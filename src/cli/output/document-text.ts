// A permission document as a table for people, without secrets (`-o json` has them).
import { cell } from "./cell.ts";
import { pairs, type TableOptions, table } from "./table.ts";

interface Document {
  readonly groups?: Readonly<Record<string, Group>>;
  readonly permissions?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly [field: string]: unknown;
}

interface Group {
  readonly type?: string;
  readonly enabled?: boolean;
  readonly [field: string]: unknown;
}

/** How members of a group authenticate, without the secret. */
const proofs: ReadonlyMap<string, (group: Group) => string> = new Map([
  ["ip", ({ range }) => cell(range)],
  [
    "jwt",
    ({ algorithm, sources, claims }) => {
      const wanted = cell(claims) === "-" ? "" : ` with ${cell(claims)}`;
      return `${cell(algorithm)} in ${cell(sources)}${wanted}`;
    },
  ],
  ["password", ({ username }) => `user ${cell(username)}`],
  [
    "token",
    ({ header, cookie, param }) => {
      const [place, name] = header
        ? ["header", header]
        : cookie
          ? ["cookie", cookie]
          : ["param", param];
      return `in ${place} ${cell(name)}`;
    },
  ],
]);

const settings = [
  "project",
  "container",
  "etag",
  "default",
  "enable_proxy",
  "combine",
  "preflight",
] as const;

export function documentText(data: unknown, options: TableOptions): string[] {
  const document = (data ?? {}) as Document;
  const shown = settings.filter((name) => document[name] !== undefined);
  const groups = Object.entries(document.groups ?? {});
  const programs = (group: string) =>
    Object.entries(document.permissions?.[group] ?? {})
      .map(([program, access]) => `${cell(program)}=${accessText(access)}`)
      .join(" ");
  const rows = groups.map(([name, group]) => [
    cell(name),
    `${cell(group.type)}${group.enabled === false ? " (off)" : ""}`,
    proofs.get(group.type ?? "")?.(group) ?? "-",
    programs(name) || "-",
  ]);
  const hooks = Object.entries((document.hooks ?? {}) as Readonly<Record<string, unknown[]>>);
  return [
    ...pairs(
      [
        ...shown.map((name) => [name, cell(document[name])] as const),
        ...(hooks.length === 0
          ? []
          : [
              [
                "hooks",
                hooks.map(([name, list]) => `${cell(name)}: ${list.length}`).join(", "),
              ] as const,
            ]),
        ...(Array.isArray(document.warnings)
          ? document.warnings.map((warning) => ["warning", cell(warning)] as const)
          : []),
      ],
      options.emphasise,
    ),
    "",
    ...(rows.length === 0
      ? ["no groups"]
      : table(["group", "type", "proof", "programs"], rows, options)),
  ];
}

function accessText(access: unknown): string {
  return Array.isArray(access) ? `[${access.map(cell).join(",")}]` : cell(access);
}
