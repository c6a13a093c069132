// Why a request is allowed or refused, and who can reach what: a sentence and a short table.
import { cell, fieldAt, listAt } from "./cell.ts";
import { pairs, type TableOptions, table } from "./table.ts";

/** `explanation`: the API's answer. */
export function explainText(explanation: unknown, options: TableOptions): readonly string[] {
  const at = (path: string) => fieldAt(explanation, path);
  const facts: (readonly [string, string])[] = [["document", documentOf(explanation)]];
  const [program, instance] = [at("judged_as.program"), at("judged_as.instance")];
  if (program !== undefined) {
    const asked = `${cell(at("judged_as.asked_program"))} ${cell(at("judged_as.asked_instance"))}`;
    const judged = `${cell(program)} ${cell(instance)}`;
    facts.unshift(["judged as", judged === asked ? judged : `${judged} (asked for as ${asked})`]);
  }
  if (listAt(explanation, "removed_credentials").length > 0) {
    facts.push(["not forwarded", cell(at("removed_credentials"))]);
  }
  if (typeof at("valid_until") === "string") facts.push(["until", cell(at("valid_until"))]);
  const rows = listAt(explanation, "groups").map((group) => [
    cell(fieldAt(group, "name")),
    cell(fieldAt(group, "type")),
    fieldAt(group, "matched") === true ? "yes" : "no",
    cell(fieldAt(group, "why_text")),
    fieldAt(group, "grants") === true ? "yes" : "no",
    cell(fieldAt(group, "rule_text")),
  ]);
  return [
    cell(at("summary")),
    "",
    ...pairs(facts, options.emphasise),
    ...(rows.length === 0
      ? []
      : ["", ...table(["group", "type", "matched", "why", "grants", "rule"], rows, options)]),
    ...listAt(explanation, "warnings").map((warning) => `warning: ${cell(warning)}`),
    ...(at("groups_asked") === false && rows.length > 0
      ? [
          "",
          "An earlier rule decided; the groups were not consulted. The table shows what they would have answered.",
        ]
      : []),
  ];
}

/** Groups × programs; `matrix`: the API's answer. */
export function accessText(matrix: unknown, options: TableOptions): readonly string[] {
  const programs = listAt(matrix, "programs").map(cell);
  const row = (name: string, group: unknown) => [
    name,
    cell(fieldAt(group, "matches_by")),
    ...programs.map((program) => cell(accessOf(group, program))),
  ];
  const groups = listAt(matrix, "groups").map((group) => {
    const name = cell(fieldAt(group, "name"));
    return row(fieldAt(group, "enabled") === false ? `${name} (off)` : name, group);
  });
  const every = fieldAt(matrix, "every_group");
  const none = cell(fieldAt(matrix, "no_group"));
  const rows = [
    ...groups,
    ...(typeof every === "object" && every !== null
      ? [row("(who matches every group)", every)]
      : []),
    ["(who matches no group)", "", ...programs.map(() => none)],
  ];
  const facts = [
    ["document", documentOf(matrix)],
    ["combine", cell(fieldAt(matrix, "combine"))],
    ...(fieldAt(matrix, "preflight") === "pass" ? [["preflight", "pass"]] : []),
    ...switches(matrix),
  ] as const;
  const others = `every other program: ${none} without a matching group, none for the groups`;
  return [
    ...pairs(facts as readonly (readonly [string, string])[], options.emphasise),
    "",
    ...table(["group", "matches by", ...programs], rows, options),
    "",
    programs.length === 0 ? `every program: ${none} without a matching group` : others,
  ];
}

function switches(matrix: unknown): readonly (readonly [string, string])[] {
  const closed = fieldAt(matrix, "closed_by");
  const reasons: Readonly<Record<string, string>> = {
    no_container:
      "the container is not running or has no permitted address: nothing is reachable now",
    disabled: "a kill switch is on: nothing is reachable now",
  };
  const told = typeof closed === "string" ? (reasons[closed] ?? cell(closed)) : null;
  const hooks = Number(fieldAt(matrix, "hooks") ?? 0);
  return [
    ...(told === null ? [] : [["closed", told] as const]),
    ...(hooks === 0 ? [] : [["hooks", String(hooks)] as const]),
  ];
}

/** Origin and version of the document in force, and its default. */
function documentOf(answer: unknown): string {
  const origin = fieldAt(answer, "document_origin");
  if (origin === "none") return "none in force: open to anyone with the address";
  const version = fieldAt(answer, "document_version");
  return `the ${cell(origin)}'s, file:v${cell(version)}, default ${cell(fieldAt(answer, "default"))}`;
}

function accessOf(group: unknown, program: string): unknown {
  const access = fieldAt(group, "access");
  if (typeof access !== "object" || access === null) return undefined;
  return Object.hasOwn(access, program) ? (access as Record<string, unknown>)[program] : undefined;
}
