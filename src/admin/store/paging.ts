// Lists, page by page or from a position on.

/** The place of an entry in a sorted list. It stays a place in the list when the entry is deleted. */
export interface ListPosition {
  /** The entry's value in the sort column. */
  readonly value: string | number | null;
  /** Orders entries with equal values. Never shown to callers: it reveals the activity of other tenants. */
  readonly sequence: number;
}

/** Part of a list in its own order. */
export interface ListQuery {
  /** Entries at most. */
  readonly limit?: number | undefined;
  /** Only entries after this position. */
  readonly after?: ListPosition | undefined;
}

export interface PageQuery<Column extends string> {
  /** From 1. */
  readonly page: number;
  /** Entries a page. */
  readonly limit: number;
  readonly sortBy: Column;
  readonly sortOrder: "asc" | "desc";
  /** Only entries after this position; `page` is ignored then. */
  readonly after?: ListPosition | undefined;
  /** Entries to skip; `page` is ignored then. */
  readonly offset?: number | undefined;
}

export type UserColumn = "created_at" | "id" | "username" | "email" | "updated_at";
export type ProjectColumn = "created_at" | "id" | "alias" | "updated_at";
export type ContainerColumn = "created_at" | "id" | "name" | "status" | "updated_at";
export type MemberColumn = "created_at" | "id" | "user_id" | "permission_level" | "updated_at";
export type StatusLogColumn = "transition_time" | "created_at" | "to_status" | "from_status";

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Entries in the whole list. */
  readonly total: number;
}

/** A page that can be continued: entries inserted or deleted meanwhile make it neither skip nor repeat others. */
export interface ListPage<Item> extends Page<Item> {
  /** The position of the last item; null when no entry follows it. */
  readonly next: ListPosition | null;
}
