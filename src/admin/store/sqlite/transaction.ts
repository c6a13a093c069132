// What reads, and what writes.
import type { BunSQLiteDatabase } from "drizzle-orm/bun-sqlite";

export type Transaction = Parameters<Parameters<BunSQLiteDatabase["transaction"]>[0]>[0];
/** What reads: the database itself, or a transaction. */
export type Reader = BunSQLiteDatabase | Transaction;
