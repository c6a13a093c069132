// NodeService: lets nodes in and takes them out.
import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type CreateNodeRequest,
  type DeleteNodeRequest,
  ListNodesResponseSchema,
  NodeProcessSchema,
  NodeSchema,
  NodeService,
} from "../../../proto/gen/realmgate/v1/nodes_pb.ts";
import type { Implementation } from "../api/dispatch.ts";
import type { RevisionTokens } from "../api/revision.ts";
import type { NodeProcess, StoredNode } from "../store/node-records.ts";
import type { Store } from "../store/store.ts";
import { newNodeToken, nodeTokenHash } from "./node-token.ts";
import { progressOf, type StoredHead, statusOf } from "./process-status.ts";

export interface NodeServiceParts {
  readonly store: Store;
  readonly revisions: Pick<RevisionTokens, "seal">;
  /** Called when a node is revoked; others hear of it by asking the store. */
  readonly nodeRevoked?: (id: string) => void;
  /** The clock, in milliseconds. */
  readonly now: () => number;
}

export function nodeService({
  store,
  revisions,
  nodeRevoked,
  now,
}: NodeServiceParts): Implementation {
  return {
    service: NodeService,
    methods: {
      async listNodes() {
        const [nodes, processes, head] = await Promise.all([
          store.nodes(),
          store.nodeProcesses(),
          store.head(),
        ]);
        const listed = nodes.map((node) => {
          const own = processes.filter(({ nodeId }) => nodeId === node.id);
          return {
            ...messageOf(node),
            processes: own.map((each) => process(each, head, now(), revisions)),
          };
        });
        const answer = { nodes: listed, total: listed.length };
        return { message: create(ListNodesResponseSchema, answer) };
      },

      async createNode({ name, role: asked, servers }: CreateNodeRequest) {
        const role = asked === "gateway" ? asked : "proxy";
        refuseServers(role, servers);
        const token = newNodeToken();
        const tokenHash = nodeTokenHash(token);
        if (tokenHash === null) throw new Error("a new token has another form");
        const node = await store.createNode({
          name,
          role,
          servers: [...new Set(servers)],
          tokenHash,
        });
        if (node === "duplicate") throw new ApiError(ErrorCode.NODE_NAME_TAKEN);
        return { message: create(NodeSchema, { ...messageOf(node), token }) };
      },

      async deleteNode({ id }: DeleteNodeRequest) {
        const node = await store.deleteNode(id);
        if (node === null) throw new ApiError(ErrorCode.NODE_NOT_FOUND);
        nodeRevoked?.(id);
        return { message: create(EmptySchema) };
      },
    },
  };
}

function refuseServers(role: StoredNode["role"], servers: readonly string[]): void {
  if ((role === "proxy") === servers.length > 0) return;
  const message =
    role === "proxy"
      ? "must name a server: its proxies follow those"
      : "must be empty for a gateway";
  throw new ApiError(ErrorCode.VALIDATION_ERROR, [{ instancePath: "/servers", message }]);
}

function messageOf({ id, name, role, servers, createdAt }: StoredNode) {
  return { id, name, role, servers: [...servers], createdAt };
}

function process(
  of: NodeProcess,
  head: StoredHead,
  nowMs: number,
  revisions: NodeServiceParts["revisions"],
) {
  const { process: name, servers, version, heardAt, listeners } = of;
  const status = statusOf(of, head, nowMs);
  const lists = { servers: [...servers], listeners: [...listeners] };
  const progress = progressOf(of, head, revisions);
  return create(NodeProcessSchema, { name, version, status, heardAt, ...lists, ...progress });
}
