"""Calls the API with Python's own gRPC (the C core) and stubs that protoc made. Arguments: folder of the stubs, address,
password. Prints what it saw as JSON."""

import json
import sys

stubs, address, password = sys.argv[1:]
sys.path.insert(0, stubs)

import google  # noqa: E402

google.__path__.append(f"{stubs}/google")

import grpc  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402
from realmgate.v1 import (  # noqa: E402
    permissions_pb2,
    permissions_pb2_grpc,
    projects_pb2,
    projects_pb2_grpc,
    users_pb2,
    users_pb2_grpc,
)

REALM = "507f1f77bcf86cd799439011"


def reason(error):
    """ErrorInfo.reason: the machine code."""
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return info.reason
    return None


with grpc.insecure_channel(address) as channel:
    users = users_pb2_grpc.UserServiceStub(channel)
    projects = projects_pb2_grpc.ProjectServiceStub(channel)
    permissions = permissions_pb2_grpc.ProjectPermissionsServiceStub(channel)

    session = users.Login(users_pb2.LoginRequest(username="admin", password=password))
    caller = (("authorization", f"Bearer {session.token}"), ("x-realm-id", REALM))
    project = projects.CreateProject(projects_pb2.CreateProjectRequest(alias="by-python"), metadata=caller)

    office = permissions_pb2.SetIpGroupRequest(id=project.id, name="office")
    office.group.range = "10.0.0.0/8"
    document, call = permissions.SetIpGroup.with_call(office, metadata=(*caller, ("if-match", "file:v0")))
    trailers = dict(call.trailing_metadata())

    refusals = []
    for metadata in ((*caller, ("if-match", "file:v0")), caller, ()):
        try:
            permissions.SetIpGroup(office, metadata=metadata)
        except grpc.RpcError as error:
            refusals.append([error.code().name, reason(error)])

print(
    json.dumps(
        {
            "realm_ids": list(project.realm_ids),
            "range": document.groups["office"].range,
            "etag": trailers["etag"],
            "revision": bool(trailers["x-realmgate-revision"]),
            "refusals": refusals,
        }
    )
)
