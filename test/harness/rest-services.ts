// For tests: every service of the contract, whether it is served yet or not.
import { join, resolve } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { Glob } from "bun";

const folder = resolve(import.meta.dir, "../../proto/gen/realmgate/v1");

function isService(exported: unknown): exported is DescService {
  return typeof exported === "object" && (exported as { kind?: unknown }).kind === "service";
}

const modules = [...new Glob("*_pb.ts").scanSync({ cwd: folder })].sort();

export const allServices: readonly DescService[] = (
  await Promise.all(modules.map((file) => import(join(folder, file))))
).flatMap((module) => Object.values(module).filter(isService));

/** Those of the public API: methods that stream are for processes of an installation alone. */
export const publicServices: readonly DescService[] = allServices.filter(({ methods }) =>
  methods.every(({ methodKind }) => methodKind === "unary"),
);
