// Writes proto/comments.json: full name of each element of the contract → its comment. The OpenAPI document needs them, and
// generated descriptors carry no comments. `bun run generate` runs it after buf.
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type AnyDesc, createFileRegistry, type DescFile, fromBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { getComments } from "@bufbuild/protoplugin";
import { $ } from "bun";

const root = resolve(import.meta.dir, "..");
const own = "proto/realmgate";

/** Comments by full name (`realmgate.v1.Token.id`), sorted by name. */
async function readComments(): Promise<Record<string, string>> {
  const image = await $`node_modules/.bin/buf build --path ${own} -o -`.cwd(root).quiet();
  const set = fromBinary(FileDescriptorSetSchema, image.bytes());
  const files = [...createFileRegistry(set).files].filter(({ proto }) =>
    proto.package.startsWith("realmgate."),
  );
  const entries = files
    .flatMap((file) => elementsOf(file))
    .map((desc) => [fullName(desc), textOf(desc)] as const)
    .filter(([, text]) => text !== "");
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

type Element = Exclude<AnyDesc, DescFile>;

function elementsOf(file: DescFile): Element[] {
  return [...nestedTypes(file)].flatMap((desc): Element[] => {
    if (desc.kind === "service") return [desc, ...desc.methods];
    if (desc.kind === "message") return [desc, ...desc.fields];
    return desc.kind === "enum" ? [desc, ...desc.values] : [desc];
  });
}

function fullName(desc: Element): string {
  return "typeName" in desc ? desc.typeName : `${desc.parent.typeName}.${desc.name}`;
}

/** The comment without directives for buf. */
function textOf(desc: Element): string {
  const lines = (getComments(desc).leading ?? "").split("\n").map((line) => line.trim());
  return lines
    .filter((line) => !line.startsWith("buf:"))
    .join("\n")
    .trim();
}

if (import.meta.main) {
  const folder = resolve(process.argv[2] ?? root);
  const json = JSON.stringify(await readComments(), null, 2);
  writeFileSync(join(folder, "proto/comments.json"), `${json}\n`);
}
