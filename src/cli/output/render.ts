// An answer → text for stdout.
import { Document, visit } from "yaml";
import type { Output } from "../settings/global-flags.ts";
import { safeJson, safeText } from "../terminal/safe-text.ts";
import { cell, fieldAt, heading, listAt } from "./cell.ts";
import type { Show } from "./show.ts";
import { pairs, type TableOptions, table } from "./table.ts";

interface AnswerBody {
  /** Unwrapped. */
  readonly data: unknown;
  /** The unparsed body. */
  readonly raw: string;
}

interface RenderOptions extends TableOptions {
  readonly output: Output;
  readonly quiet: boolean;
}

/** Ends with a line break unless empty. */
export function render(show: Show, answered: AnswerBody, options: RenderOptions): string {
  if (options.quiet) return lines(ids(show, answered.data));
  switch (options.output) {
    case "raw":
      return answered.raw === "" || answered.raw.endsWith("\n")
        ? answered.raw
        : `${answered.raw}\n`;
    case "json":
      return `${safeJson(JSON.stringify(answered.data, null, 2))}\n`;
    case "yaml":
      return yaml(answered.data);
    case "table":
      return lines(forPeople(show, answered.data, options, false));
    case "wide":
      return lines(forPeople(show, answered.data, { ...options, columns: null }, true));
  }
}

/** Double-quotes strings with unsafe characters: only such strings can have escapes in YAML. */
function yaml(data: unknown): string {
  // YAML 1.1 parsers read a bare `yes` or `on` as a boolean.
  const document = new Document(data, { compat: "yaml-1.1", aliasDuplicateObjects: false });
  visit(document, {
    Scalar(_key, scalar) {
      if (typeof scalar.value === "string" && safeText(scalar.value) !== scalar.value) {
        scalar.type = "QUOTE_DOUBLE";
      }
    },
  });
  return safeJson(document.toString({ lineWidth: 0 }));
}

function ids(show: Show, data: unknown): string[] {
  switch (show.as) {
    case "done":
      return [];
    case "text":
      return [cell(fieldAt(data, show.id))];
    case "record":
      return [
        cell(fieldAt(show.of === undefined ? data : fieldAt(data, show.of), show.id ?? "id")),
      ];
    case "list":
      return rowsOf(show, data).map((row) =>
        cell(typeof row === "object" ? fieldAt(row, show.id ?? "id") : row),
      );
  }
}

function forPeople(
  show: Show,
  data: unknown,
  options: RenderOptions,
  wide: boolean,
): readonly string[] {
  switch (show.as) {
    case "done":
      return [];
    case "text":
      return show.text(data, options);
    case "record":
      return recordText(
        show.of === undefined ? data : fieldAt(data, show.of),
        show.fields,
        options,
      );
    case "list": {
      const columns = [...show.columns, ...(wide ? (show.wide ?? []) : [])];
      const rows = rowsOf(show, data).map((row) =>
        columns.map((column) => cell(typeof row === "object" ? fieldAt(row, column) : row)),
      );
      return rows.length === 0 ? [] : table(columns.map(heading), rows, options);
    }
  }
}

/** Names and values of an object. */
export function recordText(
  data: unknown,
  fields: readonly string[] | undefined,
  options: TableOptions,
): string[] {
  if (typeof data !== "object" || data === null) return [cell(data)];
  const names = fields ?? Object.keys(data);
  return pairs(
    names
      .map((name) => [name, fieldAt(data, name)] as const)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [heading(name), cell(value)]),
    options.emphasise,
  );
}

/** The rows that a list shows. */
export function rowsOf(show: Extract<Show, { as: "list" }>, data: unknown): readonly unknown[] {
  if (show.rows !== undefined) return show.rows(data);
  if (show.items !== null) return listAt(data, show.items);
  return Array.isArray(data) ? data : [];
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join("");
}
