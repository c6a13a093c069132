// AliasService: aliases of containers.
import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import {
  AliasService,
  type CreateAliasRequest,
  type DeleteAliasRequest,
  type GetAliasRequest,
  type ListAliasesRequest,
  ListAliasesResponseSchema,
  type SetAliasStateRequest,
  type UpdateAliasRequest,
  UpdateAliasRequestSchema,
} from "../../../proto/gen/realmgate/v1/aliases_pb.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import type { CallOutcome, Implementation } from "../api/dispatch.ts";
import { expiryOf } from "../api/expiry.ts";
import type { ListCursors } from "../api/list-cursor.ts";
import { RequestedPage } from "../api/page.ts";
import { changedFields } from "../api/update-mask.ts";
import { renameEvent } from "../store/call-event.ts";
import { aliasesListedMax, aliasesMax } from "../store/limits.ts";
import type { AliasChange, Committed, Scope, StoredAlias } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { aliasMessage, wholeAliasMessage } from "./alias-message.ts";
import { aliasNameOf } from "./alias-name.ts";
import { targetPathOf } from "./alias-path.ts";
import { aliasTarget } from "./alias-program.ts";

export interface AliasServiceParts {
  readonly store: Store;
  readonly cursors: ListCursors;
  /** The installation's domain; see REALMGATE_DOMAIN. */
  readonly domain: string;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

export function aliasService({ store, cursors, domain, now }: AliasServiceParts): Implementation {
  async function read(scope: Scope, id: string): Promise<StoredAlias> {
    const alias = await store.alias(scope, id);
    if (alias === null) throw new ApiError(ErrorCode.ALIAS_NOT_FOUND);
    return alias;
  }

  async function update(scope: Scope, id: string, change: AliasChange): Promise<CallOutcome> {
    const made = await store.updateAlias(scope, id, change);
    if (made === null) throw new ApiError(ErrorCode.ALIAS_NOT_FOUND);
    return answer(made, change.alias ?? "");
  }

  /** `name`: the requested alias. */
  function answer(
    made: ({ alias: StoredAlias } & Committed) | "server" | "account",
    name: string,
  ): CallOutcome {
    if (typeof made === "string") throw inUse(made, name);
    return { message: aliasMessage(made.alias, domain), committed: made };
  }

  return {
    service: AliasService,
    methods: {
      async listAliases(request: ListAliasesRequest, { scope }) {
        const { projectId = null, containerId = null, enabled = null, expired = null } = request;
        const filter = { projectId, containerId, enabled, expired };
        const list = ["ListAliases", scope.userId, ...Object.values(filter)] as const;
        const page = new RequestedPage(cursors, list, request, aliasesListedMax);
        const { items, total, next } = await store.aliases(scope, { ...page.query, ...filter });
        const message = create(ListAliasesResponseSchema, {
          aliases: items.map((alias) => aliasMessage(alias, domain)),
          count: total,
          ...page.next(next),
        });
        return { message };
      },

      async createAlias(request: CreateAliasRequest, { scope }) {
        const alias = aliasNameOf(request.alias);
        const made = await store.createAlias(scope, {
          containerId: request.containerId,
          alias,
          ...aliasTarget(request, null),
          targetPath: targetPathOf(request.targetPath),
          allowPathOverride: request.allowPathOverride ?? true,
          expiresAt: expiryOf(request.expiresAt, now(), { words: false }),
          enabled: request.enabled ?? true,
        });
        if (made === null) throw new ApiError(ErrorCode.CONTAINER_NOT_FOUND);
        if (made === "limit") throw limitReached();
        return answer(made, alias);
      },

      async getAlias({ id }: GetAliasRequest, { scope }) {
        return { message: wholeAliasMessage(await read(scope, id), domain) };
      },

      async updateAlias(request: UpdateAliasRequest, { scope }) {
        const present = await read(scope, request.id);
        const change = changeOf(request, present, now());
        if (Object.keys(change).length === 0) return { message: aliasMessage(present, domain) };
        return update(scope, request.id, change);
      },

      setAliasState({ id, enabled = true }: SetAliasStateRequest, { scope }) {
        if (!enabled) renameEvent("proxy.alias.disabled");
        return update(scope, id, { enabled });
      },

      async deleteAlias({ id }: DeleteAliasRequest, { scope }) {
        const made = await store.deleteAlias(scope, id);
        if (made === null) throw new ApiError(ErrorCode.ALIAS_NOT_FOUND);
        return { message: create(EmptySchema), committed: made };
      },
    },
  };
}

/** A listed field that is not set gets the default of a new alias. */
function changeOf(request: UpdateAliasRequest, present: StoredAlias, now: number): AliasChange {
  const names = changedFields(UpdateAliasRequestSchema, request);
  return {
    ...(names.has("alias") ? { alias: aliasNameOf(request.alias) } : {}),
    ...targetChange(request, present, names),
    ...(names.has("target_path") ? { targetPath: targetPathOf(request.targetPath) } : {}),
    ...(names.has("allow_path_override")
      ? { allowPathOverride: request.allowPathOverride ?? true }
      : {}),
    ...(names.has("expires_at")
      ? { expiresAt: expiryOf(request.expiresAt, now, { words: false }) }
      : {}),
    ...(names.has("enabled") ? { enabled: request.enabled ?? true } : {}),
  };
}

/** Program and instance are written together, so that concurrent updates cannot mix them. */
function targetChange(
  request: UpdateAliasRequest,
  present: StoredAlias,
  names: ReadonlySet<string>,
): AliasChange {
  if (!names.has("program") && !names.has("port") && !names.has("index")) return {};
  const program = names.has("program") ? (request.program ?? "") : present.program;
  return aliasTarget({ ...request, program }, names.has("index") ? null : present);
}

function inUse(scope: "server" | "account", value: string): ApiError {
  const where = { server: "on this server", account: "in this account" }[scope];
  const message = `is in use ${where} (scope: ${scope})`;
  const metadata = { field: "alias", value, scope };
  return new ApiError(
    ErrorCode.ALIAS_IN_USE,
    [{ instancePath: "/alias", message }],
    null,
    metadata,
  );
}

/** The limit error names usage and limit; at the limit both are the same. */
function limitReached(): ApiError {
  const metadata = { used: String(aliasesMax), limit: String(aliasesMax) };
  return new ApiError(ErrorCode.ALIAS_LIMIT_REACHED, [], null, metadata);
}
