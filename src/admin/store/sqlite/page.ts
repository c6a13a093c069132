// One page of a list.
import { asc, desc, type SQL } from "drizzle-orm";
import type { SQLiteColumn, SQLiteSelect } from "drizzle-orm/sqlite-core";
import type { PageQuery } from "../records.ts";

/** `sequence` puts equals in an order, too, so that none is lost between pages. */
export function pageOf<Select extends SQLiteSelect, Column extends string>(
  select: Select,
  query: PageQuery<Column>,
  columns: Readonly<Record<Column, SQLiteColumn>>,
  sequence: SQL,
) {
  const order = query.sortOrder === "asc" ? asc : desc;
  return select
    .orderBy(order(columns[query.sortBy]), order(sequence))
    .limit(query.limit)
    .offset((query.page - 1) * query.limit);
}
