// One page of a sorted list, by its number or after a position.
import { and, asc, desc, eq, gt, isNotNull, isNull, lt, or, type SQL, sql } from "drizzle-orm";
import type { SQLiteColumn, SQLiteSelect, SQLiteTable } from "drizzle-orm/sqlite-core";
import type { ListPosition, PageQuery } from "../paging.ts";
import type { Reader } from "./transaction.ts";

/** A table and the columns that its entries are sorted by. */
export interface SortedTable<Column extends string> {
  readonly table: SQLiteTable & { readonly id: SQLiteColumn };
  readonly columns: Readonly<Record<Column, SQLiteColumn>>;
}

/** What orders a list, and where the page begins. */
export type SortQuery<Column extends string> = Pick<
  PageQuery<Column>,
  "sortBy" | "sortOrder" | "after"
>;

/** The order of lists that have only one. */
export const newestFirst = { page: 1, sortBy: "created_at", sortOrder: "desc" } as const;

/** Rises with each row, also within one instant; ids are drawn at random. */
export function sequenceOf(table: SQLiteTable): SQL<number> {
  return sql<number>`${table}.rowid`;
}

/** The rows of a page and one more, for `cutPage`. */
export function pageOf<Select extends SQLiteSelect, Column extends string>(
  select: Select,
  where: SQL | undefined,
  sorted: SortedTable<Column>,
  query: PageQuery<Column>,
) {
  const { page, limit, after, offset } = query;
  return select
    .where(and(where, isAfter(sorted, query)))
    .orderBy(...orderOf(sorted, query))
    .limit(limit + 1)
    .offset(after === undefined ? (offset ?? (page - 1) * limit) : 0);
}

/** The rows of a page without the one more, and its position when there was one. */
export function cutPage<Row extends { readonly id: string }, Column extends string>(
  reader: Reader,
  rows: readonly Row[],
  sorted: SortedTable<Column>,
  query: PageQuery<Column>,
): { readonly items: Row[]; readonly next: ListPosition | null } {
  const items = rows.slice(0, query.limit);
  const last = rows.length > items.length ? items.at(-1) : undefined;
  return { items, next: last === undefined ? null : positionOf(reader, sorted, query, last.id) };
}

/** `sequence` orders rows with equal values, too, so that no row is lost between pages. */
export function orderOf<Column extends string>(
  { table, columns }: SortedTable<Column>,
  { sortBy, sortOrder }: SortQuery<Column>,
): [SQL, SQL] {
  const order = sortOrder === "asc" ? asc : desc;
  return [order(columns[sortBy]), order(sequenceOf(table))];
}

/** Whether a row comes after the position. Null comes before every value, as SQLite sorts. */
export function isAfter<Column extends string>(
  { table, columns }: SortedTable<Column>,
  { sortBy, sortOrder, after }: SortQuery<Column>,
): SQL | undefined {
  if (after === undefined) return undefined;
  const column = columns[sortBy];
  const { value, sequence } = after;
  const isBeyond = sortOrder === "asc" ? gt : lt;
  const isLaterEqual = and(
    value === null ? isNull(column) : eq(column, value),
    isBeyond(sequenceOf(table), sequence),
  );
  if (value === null)
    return sortOrder === "asc" ? or(isNotNull(column), isLaterEqual) : isLaterEqual;
  const isGreater = isBeyond(column, value);
  return sortOrder === "asc"
    ? or(isGreater, isLaterEqual)
    : or(isNull(column), isGreater, isLaterEqual);
}

/** The position of a row that was just read. */
export function positionOf<Column extends string>(
  reader: Reader,
  { table, columns }: SortedTable<Column>,
  { sortBy }: Pick<SortQuery<Column>, "sortBy">,
  id: string,
): ListPosition | null {
  const row = reader
    .select({ value: sql<ListPosition["value"]>`${columns[sortBy]}`, sequence: sequenceOf(table) })
    .from(table)
    .where(eq(table.id, id))
    .get();
  return row ?? null;
}
