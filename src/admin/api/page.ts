// Pagination: request fields → store query, and the pagination part of the answer.
import { create } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type Pagination,
  PaginationSchema,
} from "../../../proto/gen/realmgate/v1/pagination_pb.ts";
import type { ListPage, ListPosition, PageQuery } from "../store/paging.ts";
import type { CursorState, ListCursors, ListKey } from "./list-cursor.ts";

interface PageRequest {
  readonly page?: number | undefined;
  readonly limit?: number | undefined;
  readonly sortBy?: string | undefined;
  readonly sortOrder?: string | undefined;
  readonly cursor?: string | undefined;
  readonly offset?: number | undefined;
}

/** The page that a request asks for, by number or by cursor. */
export class RequestedPage<Column extends string> {
  readonly query: PageQuery<Column | "created_at">;
  readonly #cursors: ListCursors;
  readonly #list: ListKey;
  readonly #hasCursor: boolean;

  /**
   * Expects fields that passed the field rules; unset fields get their defaults. `limit`: the default page size. Throws
   * ApiError INVALID_PARAMETER_VALUE for a cursor of another list, and for fields that contradict it.
   */
  constructor(cursors: ListCursors, list: ListKey, request: PageRequest, limit: number) {
    const { cursor } = request;
    const begun = cursor ? opened(cursors.open(list, cursor), request) : null;
    const sortOrder = request.sortOrder === "asc" ? "asc" : "desc";
    this.query = {
      page: begun?.page ?? request.page ?? 1,
      limit: request.limit ?? limit,
      // Sealed by an earlier request, whose own field passed the rules.
      sortBy: ((begun?.sortBy ?? request.sortBy) as Column | undefined) ?? "created_at",
      sortOrder: begun?.sortOrder ?? sortOrder,
      after: begun?.after,
      offset: request.offset,
    };
    this.#cursors = cursors;
    this.#list = list;
    this.#hasCursor = cursor !== undefined;
  }

  pagination({ total, next }: ListPage<unknown>): Pagination {
    const { page, limit } = this.query;
    const pagination = { total, page, limit, totalPages: Math.ceil(total / limit) };
    return create(PaginationSchema, { ...pagination, ...this.next(next) });
  }

  /** The cursor of the page that follows, for a caller that reads by cursors; an empty object when there is none. */
  next(after: ListPosition | null): { readonly nextCursor?: string } {
    if (!this.#hasCursor || after === null) return {};
    const { sortBy, sortOrder, page } = this.query;
    const state = { sortBy, sortOrder, page: page + 1, after };
    return { nextCursor: this.#cursors.seal(this.#list, state) };
  }
}

function opened(state: CursorState | null, request: PageRequest): CursorState {
  if (state === null) throw invalid("/cursor", "must be empty or the next_cursor of this list");
  const { page, sortBy = state.sortBy, sortOrder = state.sortOrder } = request;
  if (page !== undefined) throw invalid("/page", "must not be set where cursor continues a list");
  if (sortBy !== state.sortBy) throw invalid("/sort_by", `must be ${state.sortBy}, as cursor is`);
  if (sortOrder !== state.sortOrder) {
    throw invalid("/sort_order", `must be ${state.sortOrder}, as cursor is`);
  }
  return state;
}

function invalid(instancePath: string, message: string): ApiError {
  return new ApiError(ErrorCode.INVALID_PARAMETER_VALUE, [{ instancePath, message }]);
}
