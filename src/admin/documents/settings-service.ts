// ContainerSettingsService: the root settings of a container's document.
import { create } from "@bufbuild/protobuf";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import type { DocumentPreview } from "../../../proto/gen/realmgate/v1/preview_pb.ts";
import {
  ContainerSettingsService,
  type GetSettingsRequest,
  SettingsSchema,
  type UpdateSettingsRequest,
} from "../../../proto/gen/realmgate/v1/settings_pb.ts";
import type { Implementation, Outcome } from "../api/dispatch.ts";
import type { DocumentState } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { DocumentAccess } from "./document-access.ts";
import { storedDocument, versionOf } from "./permission-document.ts";

export function settingsService(store: Store): Implementation {
  const documents = new DocumentAccess("container", store);
  return {
    service: ContainerSettingsService,
    methods: {
      async getSettings({ id }: GetSettingsRequest, { scope }) {
        return settings((await documents.read(scope, id)).state);
      },

      async updateSettings(request: UpdateSettingsRequest, context) {
        const { id, enableProxy } = request;
        if (enableProxy === undefined && request.default === undefined) {
          const message = "must have enable_proxy or default";
          throw new ApiError(ErrorCode.VALIDATION_ERROR, [{ instancePath: "", message }]);
        }
        const { state, made, preview } = await (request.default === undefined
          ? documents.write(context, id, ({ state }) => ({
              enableProxy: enableProxy ?? state.enableProxy,
              body: state.body,
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
        return { ...settings(state, preview), ...made };
      },
    },
  };
}

function settings(state: DocumentState, preview?: DocumentPreview): Outcome {
  const message = create(SettingsSchema, {
    ...(preview === undefined ? {} : { preview }),
    enableProxy: state.enableProxy,
    default: storedDocument(state)?.default ?? "allow",
    ...versionOf(state),
  });
  return { message, etag: message.etag };
}
