// ContainerSettingsService: the root settings of a container's document.
import { create } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import type { PermissionDocument } from "../../../proto/gen/realmgate/v1/permissions_pb.ts";
import type { DocumentPreview } from "../../../proto/gen/realmgate/v1/preview_pb.ts";
import {
  ContainerSettingsService,
  type GetSettingsRequest,
  SettingsSchema,
  type UpdateSettingsRequest,
} from "../../../proto/gen/realmgate/v1/settings_pb.ts";
import type { RecentPolicies } from "../../policy/recent-policies.ts";
import type { CallOutcome, Implementation } from "../api/dispatch.ts";
import type { DocumentState } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { DocumentAccess } from "./document-access.ts";
import { storedDocument, versionOf } from "./permission-document.ts";

/** `recentPolicies`: see DocumentAccess. */
export function settingsService(
  store: Store,
  recentPolicies: RecentPolicies | null = null,
): Implementation {
  const documents = new DocumentAccess("container", store, recentPolicies);
  return {
    service: ContainerSettingsService,
    methods: {
      async getSettings({ id }: GetSettingsRequest, { scope }) {
        const { state } = await documents.read(scope, id);
        return settings(state, storedDocument(state));
      },

      async updateSettings(request: UpdateSettingsRequest, context) {
        const { id, enableProxy } = request;
        if (enableProxy === undefined && request.default === undefined) {
          const message = "must have enable_proxy or default";
          throw new ApiError(ErrorCode.VALIDATION_ERROR, [{ instancePath: "", message }]);
        }
        const { state, document, made, preview } = await (request.default === undefined
          ? documents.write(context, id, ({ state }) => ({
              enableProxy: enableProxy ?? state.enableProxy,
              document: "kept",
              hooks: state.hooks,
              fromProject: false,
            }))
          : documents.edit(
              context,
              id,
              (document) => {
                document.default = request.default;
              },
              enableProxy,
            ));
        return { ...settings(state, document?.message ?? null, preview), ...made };
      },
    },
  };
}

function settings(
  state: DocumentState,
  document: Readonly<PermissionDocument> | null,
  preview?: DocumentPreview,
): CallOutcome {
  const message = create(SettingsSchema, {
    ...(preview === undefined ? {} : { preview }),
    enableProxy: state.enableProxy,
    default: document?.default ?? "allow",
    ...versionOf(state),
  });
  return { message, etag: message.etag };
}
