// ProjectMemberService: members of a project and their levels.

import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  type AddMemberRequest,
  type ListMembersRequest,
  ListMembersResponseSchema,
  ProjectMemberService,
  type ProjectPermission,
  ProjectPermissionSchema,
  type RemoveMemberRequest,
  type UpdateMemberRequest,
} from "../../../proto/gen/realmgate/v1/members_pb.ts";
import { ProjectLevel } from "../../../proto/gen/realmgate/v1/options_pb.ts";
import { TokenBuckets } from "../../guard/token-buckets.ts";
import type { Context, Implementation } from "../api/dispatch.ts";
import { lackingFreedom, lackingLevel } from "../api/lacking.ts";
import type { ListCursors } from "../api/list-cursor.ts";
import { RequestedPage } from "../api/page.ts";
import { membersMax } from "../store/limits.ts";
import type { MemberColumn } from "../store/paging.ts";
import type { Member, User, UserName } from "../store/records.ts";
import type { Store } from "../store/store.ts";

export interface MemberServiceParts {
  readonly store: Store;
  readonly cursors: ListCursors;
}

/** Names and addresses that nobody has, of one caller: who asks for many looks for accounts. */
const misses = { burst: 20, perSecond: 20 / 3600 };

export function memberService({ store, cursors }: MemberServiceParts): Implementation {
  const missed = new TokenBuckets(misses, () => performance.now() / 1000);
  return {
    service: ProjectMemberService,
    methods: {
      async listMembers(request: ListMembersRequest, { scope }) {
        const { projectId } = request;
        const list = ["ListMembers", scope.userId, projectId] as const;
        const page = new RequestedPage<MemberColumn>(cursors, list, request, 20);
        const members = await store.members(scope, projectId, page.query);
        if (members === null) throw new ApiError(ErrorCode.PROJECT_NOT_FOUND);
        const message = create(ListMembersResponseSchema, {
          permissions: members.items.map(memberMessage),
          pagination: page.pagination(members),
        });
        return { message };
      },

      async addMember(request: AddMemberRequest, context) {
        const { projectId } = request;
        const named = userNamed(request);
        const level = grantable(request, context);
        // A member is in all of the project, and whether some of it is beyond the caller's realms must not show.
        if (context.scope.confinedTo !== null) {
          throw lackingFreedom();
        }
        const { user } = context.caller;
        if (isNamed(user, named)) throw new ApiError(ErrorCode.CANNOT_GRANT_SELF_PERMISSION);
        const isGuess = !("userId" in named);
        // Before it is known, so that no more than the limit can be asked at the same time.
        const waitS = isGuess ? missed.take(user.id, 1) : 0;
        if (waitS > 0) throw new ApiError(ErrorCode.RATE_LIMITED, [], Math.ceil(waitS));
        const made = await store.addMember(context.scope, projectId, { ...named, level });
        if (isGuess && made !== "no_user") missed.charge(user.id, -1);
        switch (made) {
          case null:
            throw new ApiError(ErrorCode.PROJECT_NOT_FOUND);
          case "no_user":
            throw new ApiError(ErrorCode.USER_NOT_FOUND);
          case "exists":
            throw new ApiError(ErrorCode.PERMISSION_ALREADY_EXISTS);
          case "limit":
            throw tooManyMembers();
        }
        return { message: memberMessage(made) };
      },

      async updateMember(request: UpdateMemberRequest, context) {
        const { projectId, id } = request;
        const level = grantable(request, context);
        const { scope } = context;
        const changed = await store.updateMember(scope, projectId, id, level, context.level);
        if (changed === "confined") throw lackingFreedom();
        if (changed === null) throw await notChanged(store, request, context);
        return { message: memberMessage(changed) };
      },

      async removeMember(request: RemoveMemberRequest, context) {
        const { projectId, id } = request;
        const { scope } = context;
        const removed = await store.removeMember(scope, projectId, id, context.level);
        if (!removed) throw await notChanged(store, request, context);
        return { message: create(EmptySchema) };
      },
    },
  };
}

/** The user that the request names in one of three ways. Throws ApiError when it is not one. */
function userNamed({ userId, username, email }: AddMemberRequest): UserName {
  const named: UserName[] = [
    ...(userId === undefined ? [] : [{ userId }]),
    ...(username === undefined ? [] : [{ username }]),
    ...(email === undefined ? [] : [{ email }]),
  ];
  const [name] = named;
  if (name !== undefined && named.length === 1) return name;
  if (name === undefined) {
    const message = "is required, or username or email";
    throw new ApiError(ErrorCode.MISSING_REQUIRED_FIELD, [{ instancePath: "/user_id", message }]);
  }
  const message = "must not be sent with username or email: one of them names the user";
  throw new ApiError(ErrorCode.VALIDATION_ERROR, [{ instancePath: "/user_id", message }]);
}

function isNamed(user: Pick<User, "id" | "username" | "email">, name: UserName): boolean {
  if ("userId" in name) return name.userId === user.id;
  if ("username" in name) return name.username === user.username;
  return name.email.toLowerCase() === user.email;
}

const levelNames = {
  read: ProjectLevel.READ,
  edit: ProjectLevel.EDIT,
  delete: ProjectLevel.DELETE,
} as const;

/** The requested level, which must not exceed the caller's own. Throws ApiError. */
function grantable(
  { permissionLevel }: Pick<AddMemberRequest, "permissionLevel">,
  { level }: Context,
): ProjectLevel {
  // The field rule accepts only these names.
  const wanted = levelNames[permissionLevel as keyof typeof levelNames];
  if (wanted > level) throw lackingLevel(wanted, level);
  return wanted;
}

/** Why a member was not changed: its level is above the caller's, or it does not exist. */
async function notChanged(
  store: Store,
  { projectId, id }: Pick<RemoveMemberRequest, "projectId" | "id">,
  { scope, level }: Context,
): Promise<ApiError> {
  const member = await store.member(scope, projectId, id);
  return member === null
    ? new ApiError(ErrorCode.PROJECT_PERMISSION_NOT_FOUND)
    : lackingLevel(member.level, level);
}

function tooManyMembers(): ApiError {
  const message = `has no room: a project has at most ${membersMax} members`;
  return new ApiError(ErrorCode.VALIDATION_ERROR, [{ instancePath: "/project_id", message }]);
}

/** Member record → API message. */
export function memberMessage(member: Member): ProjectPermission {
  const { level, username, alias, ...shown } = member;
  const user = { id: member.userId, username, ...(alias === null ? {} : { alias }) };
  return create(ProjectPermissionSchema, { ...shown, permissionLevel: levelName(level), user });
}

function levelName(level: ProjectLevel): string {
  switch (level) {
    case ProjectLevel.READ:
      return "read";
    case ProjectLevel.EDIT:
      return "edit";
    case ProjectLevel.DELETE:
      return "delete";
    default:
      throw new Error(`invalid member level ${level}`);
  }
}
