// Values of headers that a hook asks for may be credentials: only who may change the hook sees them.
import { create } from "@bufbuild/protobuf";
import { type Hook, HookMatchSchema } from "../../../../proto/gen/realmgate/v1/hooks_pb.ts";

export function hasHeaders({ match }: Hook): boolean {
  return match !== undefined && Object.keys(match.headers).length > 0;
}

/** The hook as a reader sees it. */
export function withoutHeaders(hook: Hook): Hook {
  const { match } = hook;
  if (match === undefined || !hasHeaders(hook)) return hook;
  return {
    ...hook,
    match: create(HookMatchSchema, { ...match, headers: {}, headersHidden: true }),
  };
}
