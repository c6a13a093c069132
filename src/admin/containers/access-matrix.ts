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
import type { InstanceSet } from "../../policy/instance-set.ts";
import { accessFor, accessText } from "../../policy/open-access.ts";
import { inForce } from "../documents/document-preview.ts";
import { hookCount, storedHooks } from "../documents/hooks/hook-list.ts";
import type { DocumentState, EffectiveState } from "../store/records.ts";

/** `mayDial`: whether the address is in the container networks. `project`: the state of the project's document. */
export function accessMatrix(
  { container, own }: Pick<EffectiveState, "container" | "own">,
  project: DocumentState,
  mayDial: (address: string) => boolean,
): AccessMatrix {
  const { origin, policy } = inForce("container", own, project);
  const isThere =
    container.status === "running" && container.address !== null && mayDial(container.address);
  const isOn = own.enableProxy && project.enableProxy;
  const closedBy = !isThere ? "no_container" : isOn ? null : "disabled";
  const groups = rowsOf(policy);
  const every = policy?.combine === "all" ? accessFor(policy, { kind: "every_group" }) : null;
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
    programs: programsOf(policy),
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

function rowsOf(policy: PolicyDocument | null): AccessRow[] {
  return Array.from(policy?.groups ?? [], ([name, group]) =>
    create(AccessRowSchema, {
      name,
      type: group.type,
      enabled: group.enabled,
      matchesBy: describeGroup(group),
      access: cells(withFallbacks(policy?.permissions.get(name))),
    }),
  );
}

function cells(accesses: ReadonlyMap<string, InstanceSet>): Record<string, string> {
  const granted = [...accesses].filter(([, access]) => accessText(access) !== "none");
  return Object.fromEntries(granted.map(([program, access]) => [program, accessText(access)]));
}
