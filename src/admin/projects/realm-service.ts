// RealmService: the realms that a caller can see, and new ones.

import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type CreateRealmRequest,
  type DeleteRealmRequest,
  type ListRealmsRequest,
  ListRealmsResponseSchema,
  RealmSchema,
  RealmService,
} from "../../../proto/gen/realmgate/v1/realms_pb.ts";
import type { Context, Implementation } from "../api/dispatch.ts";
import { lackingFreedom } from "../api/lacking.ts";
import type { Store } from "../store/store.ts";

/** Maximum number of realms in one answer. */
const realmsMax = 10_000;

export function realmService(store: Store): Implementation {
  return {
    service: RealmService,
    methods: {
      async listRealms({ includeUsage = false }: ListRealmsRequest, { caller, scope }) {
        const { userId, realms } = scope;
        const madeFrom = caller.token?.token.id ?? null;
        const { items, total } = await store.realms(scope, { userId, realms, madeFrom }, realmsMax);
        const realmIds = items.map(({ realmId }) => realmId);
        const names = await store.realmNames(scope, realmIds);
        const usage = items.map(({ realmId, tokens, ...rest }) => {
          return [realmId, { ...rest, authTokens: tokens }] as const;
        });
        const message = create(ListRealmsResponseSchema, {
          realmIds,
          total,
          usage: includeUsage ? Object.fromEntries(usage) : {},
          names: Object.fromEntries(names),
        });
        return { message };
      },

      async createRealm({ name }: CreateRealmRequest, { scope }) {
        requireFree(scope);
        const made = await store.createRealm(scope.userId, name);
        if (made === "taken") throw new ApiError(ErrorCode.REALM_NAME_TAKEN);
        if (made === "limit") throw new ApiError(ErrorCode.ACCOUNT_QUOTA_REACHED);
        return { message: create(RealmSchema, made) };
      },

      async deleteRealm({ id }: DeleteRealmRequest, { scope }) {
        requireFree(scope);
        const isGone = await store.deleteRealm(scope.userId, id);
        if (!isGone) throw new ApiError(ErrorCode.REALM_NOT_FOUND);
        return { message: create(EmptySchema) };
      },
    },
  };
}

/** A conflict of names, or one that is not there, would tell a confined caller of other realms. Throws ApiError. */
function requireFree({ confinedTo }: Context["scope"]): void {
  if (confinedTo !== null) throw lackingFreedom();
}
