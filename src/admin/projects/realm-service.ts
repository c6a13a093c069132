// RealmService: the realms that a caller can see.
import { create } from "@bufbuild/protobuf";
import {
  type ListRealmsRequest,
  ListRealmsResponseSchema,
  RealmService,
} from "../../../proto/gen/realmgate/v1/realms_pb.ts";
import type { Implementation } from "../api/dispatch.ts";
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
        const usage = items.map(({ realmId, tokens, ...rest }) => {
          return [realmId, { ...rest, authTokens: tokens }] as const;
        });
        const message = create(ListRealmsResponseSchema, {
          realmIds: items.map(({ realmId }) => realmId),
          total,
          usage: includeUsage ? Object.fromEntries(usage) : {},
        });
        return { message };
      },
    },
  };
}
