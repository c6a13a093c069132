// Paging of lists: request fields → what the store is asked, and where the page stands.
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

/** The fields are already known to keep their rules; what is unset takes its default. */
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
