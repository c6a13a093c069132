// Pagination: request fields → store query, and the pagination part of the answer.
import { create } from "@bufbuild/protobuf";
import {
  type Pagination,
  PaginationSchema,
} from "../../../proto/gen/realmgate/v1/pagination_pb.ts";
import type { PageQuery } from "../store/records.ts";

interface PageRequest {
  readonly page?: number | undefined;
  readonly limit?: number | undefined;
  readonly sortBy?: string | undefined;
  readonly sortOrder?: string | undefined;
}

/** Expects fields that passed the field rules; unset fields get their defaults. `limit`: the default page size. */
export function pageQuery<Column extends string>(
  request: PageRequest,
  limit: number,
): PageQuery<Column | "created_at"> {
  return {
    page: request.page ?? 1,
    limit: request.limit ?? limit,
    sortBy: (request.sortBy as Column | undefined) ?? "created_at",
    sortOrder: request.sortOrder === "asc" ? "asc" : "desc",
  };
}

export function pagination(query: PageQuery<string>, total: number): Pagination {
  const { page, limit } = query;
  return create(PaginationSchema, { total, page, limit, totalPages: Math.ceil(total / limit) });
}
