// The access matrix of a container: groups × programs of the effective document. Pure.
import { create } from "@bufbuild/protobuf";
import {
  type AccessMatrix,
  AccessMatrixSchema,
  type AccessRow,
  AccessRowSchema,
} from "../../../proto/gen/realmgate/v1/explain_pb.ts";
import { withFallbacks } from "../../policy/compile.ts";
import { describeGroup } from "../../policy/describe-group.ts";
import type { PolicyDocument } from "../../policy/document.ts";
import { type InstanceSet, isNone } from "../../policy/instance-set.ts";
import { accessFor, accessSteps, accessText } from "../../policy/open-access.ts";
import { finish, type Steps } from "../../policy/steps.ts";
import { inForce } from "../documents/document-preview.ts";
import { hookCount, storedHooks } from "../documents/hooks/hook-list.ts";
import type { DocumentState, EffectiveState } from "../store/records.ts";

/** `mayDial`: whether the address is in the container networks. `project`: the state of the project's document. */
export function accessMatrix(...state: Parameters<typeof accessMatrixSteps>): AccessMatrix {
  return finish(accessMatrixSteps(...state));
}

/** `accessMatrix` in steps. */
export function* accessMatrixSteps(
  { container, own }: Pick<EffectiveState, "container" | "own">,
  project: DocumentState,
  mayDial: (address: string) => boolean,
): Steps<AccessMatrix> {
  const { origin, policy } = yield* inForce("container", own, project);
  const isThere =
    container.status === "running" && container.address !== null && mayDial(container.address);
  const isOn = own.enableProxy && project.enableProxy;
  const closedBy = !isThere ? "no_container" : isOn ? null : "disabled";
  const groups = yield* rowsOf(policy);
  const programs = programsOf(policy);
  yield programs.length;
  const every =
    policy?.combine === "all" ? yield* accessSteps(policy, { kind: "every_group" }) : null;
  return create(AccessMatrixSchema, {
    documentOrigin: origin,
    ...(origin === "none"
      ? {}
      : { documentVersion: (origin === "container" ? own : project).version }),
    default: policy?.default ?? "allow",
    combine: policy?.combine ?? "any",
    preflight: policy?.preflight ?? "judge",
    enableProxy: own.enableProxy,
    projectEnableProxy: project.enableProxy,
    ...(closedBy === null ? {} : { closedBy }),
    programs,
    groups,
    noGroup: accessText(accessFor(policy, { kind: "no_group" }).others),
    ...(every === null
      ? {}
      : {
          everyGroup: {
            enabled: groups.every(({ enabled }) => enabled),
            access: cells(every.named),
          },
        }),
    hooks: hookCount(storedHooks(own)),
  });
}

/** Programs of all groups, including their fallback entries. */
function programsOf(policy: PolicyDocument | null): string[] {
  const own = [...(policy?.permissions.values() ?? [])];
  return [...new Set(own.flatMap((each) => [...withFallbacks(each).keys()]))].sort();
}

function* rowsOf(policy: PolicyDocument | null): Steps<AccessRow[]> {
  const rows: AccessRow[] = [];
  for (const [name, group] of policy?.groups ?? []) {
    const accesses = withFallbacks(policy?.permissions.get(name));
    const { type, enabled } = group;
    const matchesBy = describeGroup(group);
    rows.push(create(AccessRowSchema, { name, type, enabled, matchesBy, access: cells(accesses) }));
    yield 1 + accesses.size;
  }
  return rows;
}

function cells(accesses: ReadonlyMap<string, InstanceSet>): Record<string, string> {
  const granted = [...accesses].filter(([, access]) => !isNone(access));
  return Object.fromEntries(granted.map(([program, access]) => [program, accessText(access)]));
}
