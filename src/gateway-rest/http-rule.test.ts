import { describe, expect, test } from "bun:test";
import {
  create,
  createFileRegistry,
  type DescService,
  type MessageInitShape,
  setExtension,
} from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  MethodOptionsSchema,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { http } from "../../proto/gen/google/api/annotations_pb.ts";
import { HttpRuleSchema } from "../../proto/gen/google/api/http_pb.ts";
import { ContainerService } from "../../proto/gen/realmgate/v1/containers_pb.ts";
import {
  ContainerPermissionsService,
  ProjectPermissionsService,
} from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { ProjectService } from "../../proto/gen/realmgate/v1/projects_pb.ts";
import { UserService } from "../../proto/gen/realmgate/v1/users_pb.ts";
import { type Binding, bindingsOf } from "./http-rule.ts";

/** A service with one method `Do(Request)`, bound by this rule. Request: id, part { id }, names, labels. */
function serviceWith(rule: MessageInitShape<typeof HttpRuleSchema>): DescService {
  const options = create(MethodOptionsSchema);
  setExtension(options, http, create(HttpRuleSchema, rule));
  const file = create(FileDescriptorProtoSchema, {
    name: "test.proto",
    package: "test",
    syntax: "proto3",
    messageType: [
      {
        name: "Request",
        field: [
          { name: "id", number: 1, type: Type.STRING, label: Label.OPTIONAL },
          {
            name: "part",
            number: 2,
            type: Type.MESSAGE,
            label: Label.OPTIONAL,
            typeName: ".test.Part",
          },
          { name: "names", number: 3, type: Type.STRING, label: Label.REPEATED },
          {
            name: "parts",
            number: 4,
            type: Type.MESSAGE,
            label: Label.REPEATED,
            typeName: ".test.Part",
          },
        ],
      },
      {
        name: "Part",
        field: [{ name: "id", number: 1, type: Type.STRING, label: Label.OPTIONAL }],
      },
    ],
    service: [
      {
        name: "Service",
        method: [{ name: "Do", inputType: ".test.Request", outputType: ".test.Part", options }],
      },
    ],
  });
  const service = createFileRegistry(file, () => undefined).getService("test.Service");
  if (service === undefined) throw new Error("the service was not built");
  return service;
}

const shown = ({ verb, segments, body, query, status }: Binding) => ({
  verb,
  path: segments.map((each) => (each.kind === "literal" ? each.text : `{${each.field}}`)).join("/"),
  body: typeof body === "object" && body !== null ? body.name : body,
  query: [...query.keys()],
  status,
});

describe("a rule becomes a binding", () => {
  test.each([
    [
      "the query has what is left and can be written as text",
      { pattern: { case: "get", value: "/a/{id}" } },
      { verb: "GET", path: "a/{id}", body: null, query: ["names"], status: 200 },
    ],
    [
      "a body of everything leaves nothing to the query",
      { pattern: { case: "post", value: "/a" }, body: "*" },
      { verb: "POST", path: "a", body: "message", query: [], status: 200 },
    ],
    [
      "a body of one field",
      { pattern: { case: "patch", value: "/a" }, body: "part" },
      { verb: "PATCH", path: "a", body: "part", query: ["id", "names"], status: 200 },
    ],
  ] as const)("%s", (_why, rule, binding) => {
    const expected = { ...binding, query: [...binding.query] };
    expect(bindingsOf([serviceWith(rule)]).map(shown)).toEqual([expected]);
  });

  test("further bindings are bindings of their own", () => {
    const service = serviceWith({
      pattern: { case: "patch", value: "/a" },
      body: "*",
      additionalBindings: [{ pattern: { case: "put", value: "/b" } }],
    });
    const bindings = bindingsOf([service]).map(shown);
    expect(bindings.map(({ verb, path, body }) => [verb, path, body])).toEqual([
      ["PATCH", "a", "message"],
      ["PUT", "b", null],
    ]);
  });

  test("a method without a rule has none", () => {
    expect(bindingsOf([serviceWith({})])).toEqual([]);
  });
});

describe("a rule that REST cannot carry stops the start", () => {
  test.each([
    [
      "a variable that is no field",
      { pattern: { case: "get", value: "/{no}" } },
      "{no} is no field",
    ],
    [
      "a message in the path",
      { pattern: { case: "get", value: "/{part}" } },
      "{part} is no scalar",
    ],
    ["a list in the path", { pattern: { case: "get", value: "/{names}" } }, "{names} is no scalar"],
    ["a variable twice", { pattern: { case: "get", value: "/{id}/{id}" } }, "{id} is no field"],
    [
      "a body that is no field",
      { pattern: { case: "put", value: "/a" }, body: "no" },
      "no is no message",
    ],
    [
      "a scalar as the body",
      { pattern: { case: "put", value: "/a" }, body: "id" },
      "id is no message",
    ],
    [
      "a list as the body",
      { pattern: { case: "put", value: "/a" }, body: "parts" },
      "parts is no message",
    ],
    ["a path outside the grammar", { pattern: { case: "get", value: "/a/*" } }, "/a/*"],
    [
      "a verb of its own",
      { pattern: { case: "custom", value: { kind: "LINK", path: "/a" } } },
      "custom verbs",
    ],
  ] as const)("%s", (_why, rule, message) => {
    expect(() => bindingsOf([serviceWith(rule)])).toThrow(message);
  });
});

describe("the services' own bindings", () => {
  const bindings = bindingsOf([
    UserService,
    ProjectService,
    ContainerService,
    ProjectPermissionsService,
    ContainerPermissionsService,
  ]);

  test("are all below /api/v1, and each answer has a text", () => {
    for (const binding of bindings) {
      expect(shown(binding).path).toStartWith("api/v1/");
      expect(binding.message).not.toBe("");
    }
  });

  test("PATCH and PUT go together on every permission route (contract N2)", () => {
    const routes = (verb: string) =>
      bindings
        .filter((binding) => binding.verb === verb)
        .map((binding) => `${shown(binding).path} ${shown(binding).body} ${binding.method.name}`);
    expect(routes("PUT")).toEqual(routes("PATCH"));
    expect(routes("PUT")).not.toBeEmpty();
  });

  test("creating answers 201, all else 200", () => {
    const created = bindings.filter(({ status }) => status === 201);
    expect(created.map(({ method }) => method.name)).toEqual(["CreateProject", "CreateContainer"]);
    expect(new Set(bindings.map(({ status }) => status))).toEqual(new Set([200, 201]));
  });
});
