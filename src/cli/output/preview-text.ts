// What a write would change (dry run), for people.
import { cell, fieldAt, listAt } from "./cell.ts";
import { pairs, type TableOptions, table } from "./table.ts";

const settings = [
  ["document in force", "origin"],
  ["default", "default"],
  ["combine", "combine"],
  ["preflight", "preflight"],
  ["enable proxy", "enable_proxy"],
] as const;

/** The differences; `preview`: the API's answer. */
export function previewText(preview: unknown, options: TableOptions): readonly string[] {
  const moved = settings.flatMap(([name, field]) => {
    const [before, after] = ["before", "after"].map((when) => fieldAt(preview, `${field}_${when}`));
    return before === after ? [] : [[name, `${cell(before)} → ${cell(after)}`] as const];
  });
  const affected = fieldAt(preview, "containers_affected");
  const groups = listAt(preview, "groups").map((group) => {
    const fields = cell(fieldAt(group, "fields"));
    const what = `${cell(fieldAt(group, "change"))}${fields === "-" ? "" : ` (${fields})`}`;
    return [`group ${cell(fieldAt(group, "name"))}`, what] as const;
  });
  const access = listAt(preview, "access");
  const rows = access.map((change) => [
    whose(change),
    cell(fieldAt(change, "program")),
    cell(fieldAt(change, "before")),
    cell(fieldAt(change, "after")),
    cell(fieldAt(change, "effect")),
  ]);
  const left = Number(fieldAt(preview, "access_total") ?? 0) - rows.length;
  const counted = [["containers affected", cell(affected)] as const];
  return [
    ...pairs([...counted, ...moved, ...groups], options.emphasise),
    "",
    ...(rows.length === 0
      ? ["nothing opens or closes"]
      : table(["who", "program", "before", "after", "effect"], rows, options)),
    ...(left > 0 ? [`… and ${left} more`] : []),
    ...(rows.some(([, program]) => program === "*")
      ? ["", "*: every program that no document names for them"]
      : []),
  ];
}

function whose(change: unknown): string {
  const who = fieldAt(change, "who");
  if (who === "group") return cell(fieldAt(change, "group"));
  return who === "every_group" ? "(who matches every group)" : "(who matches no group)";
}
