// ContainerAccessService: who can reach what of a container, and why a request is let through or refused.
import type { Violation } from "../../../proto/call.ts";
import { Refused } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  ContainerAccessService,
  type ExplainRequest,
  type Explanation,
  type GetAccessRequest,
} from "../../../proto/gen/realmgate/v1/explain_pb.ts";
import type {
  Changes,
  ContainerState,
  ProjectState,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { AddressPolicy } from "../../policy/address-policy.ts";
import type { Context, Implementation } from "../api/dispatch.ts";
import { projectDocument } from "../documents/project-document.ts";
import { containerState, FeedDocuments, projectState } from "../feed/change-source.ts";
import type { Store } from "../store/store.ts";
import { accessMatrix } from "./access-matrix.ts";

/** The proxy's own judgement of an imagined request, from what it would be told; violations when the question is none. */
export type ExplainPort = (
  state: {
    readonly container: ContainerState;
    readonly project: ProjectState;
    readonly documents: Changes["documents"];
  },
  request: ExplainRequest,
  nowMs: number,
) => Promise<Explanation | readonly Violation[]>;

export interface AccessServiceParts {
  readonly store: Store;
  readonly explain: ExplainPort;
  readonly placement: AddressPolicy;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

export function accessService({
  store,
  explain,
  placement,
  now,
}: AccessServiceParts): Implementation {
  /** What is stored now: a caller sees its own writes, however far the proxy is. */
  async function exposed({ scope, caller }: Context, id: string) {
    const exposure = await store.effectiveState(scope, id);
    if (exposure === null) throw new Refused(ErrorCode.CONTAINER_NOT_FOUND);
    return { exposure, project: projectDocument(caller, exposure) };
  }

  return {
    service: ContainerAccessService,
    methods: {
      async explain(request: ExplainRequest, context: Context) {
        const { id } = request;
        const { exposure, project } = await exposed(context, id);
        const documents = new FeedDocuments();
        const state = {
          container: containerState({ id, state: exposure.container }, documents),
          project: projectState({ id: exposure.container.projectId, state: project }, documents),
        };
        const told = await explain({ ...state, documents: documents.all() }, request, now());
        if (!("allow" in told)) throw new Refused(ErrorCode.VALIDATION_ERROR, told);
        const { documentOrigin } = told;
        if (documentOrigin === "container") told.documentVersion = exposure.own.version;
        if (documentOrigin === "project") told.documentVersion = project.version;
        return { message: told };
      },

      async getAccess({ id }: GetAccessRequest, context: Context) {
        const { exposure, project } = await exposed(context, id);
        const mayDial = (address: string) => placement.place(address) !== null;
        return { message: accessMatrix(exposure, project, mayDial) };
      },
    },
  };
}
