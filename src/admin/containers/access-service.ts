// ContainerAccessService: who can reach which program of a container, and why a request is allowed or refused.

import { ApiError, type FieldViolation } from "../../../proto/call.ts";
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
import { ProjectLevel } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { TokenBuckets } from "../../guard/token-buckets.ts";
import type { AddressPolicy } from "../../policy/address-policy.ts";
import type { Steps } from "../../policy/steps.ts";
import type { Context, Implementation } from "../api/dispatch.ts";
import { lackingPermission } from "../api/lacking.ts";
import { mayDo } from "../auth/caller.ts";
import { projectDocument } from "../documents/project-document.ts";
import { containerState, FeedDocuments, projectState } from "../feed/change-source.ts";
import type { Store } from "../store/store.ts";
import { accessMatrixSteps } from "./access-matrix.ts";
import { type LogPort, loggedRequest } from "./log-service.ts";
import { askedAgain, howItWas } from "./logged-request.ts";
import { type PortOf, portOf } from "./traffic-port.ts";

/** Questions with credentials or a path, of a caller who does not read both documents and targets of aliases: more would be guessing. */
const readersQuestions = { burst: 20, perSecond: 20 / 600 };

/** Runs the proxy's authorization on a hypothetical request and the given state; violations for an invalid request. */
type ExplainPort = (
  state: {
    readonly container: ContainerState;
    readonly project: ProjectState;
    readonly documents: Changes["documents"];
  },
  request: ExplainRequest,
  nowMs: number,
  run: <Result>(steps: Steps<Result>) => Promise<Result>,
) => Promise<Explanation | readonly FieldViolation[]>;

export interface AccessServiceParts {
  readonly store: Store;
  readonly explain: ExplainPort;
  readonly placement: AddressPolicy;
  readonly exchangeLog: PortOf<LogPort>;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

export function accessService({
  store,
  explain,
  placement,
  exchangeLog,
  now,
}: AccessServiceParts): Implementation {
  const asked = new TokenBuckets(readersQuestions, () => now() / 1000);

  /** Throws ApiError RATE_LIMITED. */
  function countQuestion({ level, caller }: Context, sent: ExplainRequest): void {
    const { headers, pathAndQuery = "/" } = sent;
    const readsAll = level >= ProjectLevel.EDIT && mayDo(caller, "resources.proxy_aliases");
    if (readsAll || (headers.length === 0 && pathAndQuery === "/")) return;
    const waitS = asked.take(caller.user.id, 1);
    if (waitS > 0) throw new ApiError(ErrorCode.RATE_LIMITED, [], Math.ceil(waitS));
  }

  /** Reads the stored state, so that a caller sees its own writes before the proxy has applied them. */
  async function exposed({ scope, caller }: Context, id: string) {
    const exposure = await store.effectiveState(scope, id);
    if (exposure === null) throw new ApiError(ErrorCode.CONTAINER_NOT_FOUND);
    return { exposure, project: projectDocument(caller, exposure) };
  }

  async function logged({ scope, caller }: Context, id: string, requestId: string) {
    const of = { container: id, account: caller.user.id };
    return loggedRequest(await portOf(exchangeLog, store, scope, id), of, requestId);
  }

  return {
    service: ContainerAccessService,
    methods: {
      async explain(sent: ExplainRequest, context: Context) {
        const { id, requestId } = sent;
        if (requestId !== undefined && !mayDo(context.caller, "containers.actions.logs")) {
          throw lackingPermission(["containers.actions.logs"]);
        }
        const { exposure, project } = await exposed(context, id);
        const entry = requestId === undefined ? null : await logged(context, id, requestId);
        const request = entry === null ? sent : askedAgain(sent, entry);
        countQuestion(context, sent);
        const documents = new FeedDocuments();
        const state = {
          container: containerState({ id, state: exposure.container }, documents),
          project: projectState({ id: exposure.container.projectId, state: project }, documents),
        };
        const result = await explain(
          { ...state, documents: documents.all() },
          request,
          now(),
          (steps) => context.work.run(steps),
        );
        if (!("allow" in result)) throw new ApiError(ErrorCode.VALIDATION_ERROR, result);
        if (entry !== null) result.warnings.push(...howItWas(entry, sent));
        const { documentOrigin } = result;
        if (documentOrigin === "container") result.documentVersion = exposure.own.version;
        if (documentOrigin === "project") result.documentVersion = project.version;
        return { message: result };
      },

      async getAccess({ id }: GetAccessRequest, context: Context) {
        const { exposure, project } = await exposed(context, id);
        const mayDial = (address: string) => placement.place(address) !== null;
        const matrix = accessMatrixSteps(exposure, project, mayDial);
        return { message: await context.work.run(matrix) };
      },
    },
  };
}
