"""Calls the API as a stock reflection client does: knows no .proto of ours, asks the server for them. Arguments: folder with
the stubs of grpc.reflection, address, password. Prints what it saw as JSON."""

import json
import sys

stubs, address, password = sys.argv[1:]
sys.path.insert(0, stubs)

import grpc  # noqa: E402
import reflection_pb2  # noqa: E402
import reflection_pb2_grpc  # noqa: E402
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # noqa: E402

with grpc.insecure_channel(address) as channel:
    reflection = reflection_pb2_grpc.ServerReflectionStub(channel)

    def ask(**request):
        [answer] = reflection.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(**request)]))
        return answer

    services = [each.name for each in ask(list_services="").list_services_response.service]
    described = ask(file_containing_symbol="realmgate.v1.UserService").file_descriptor_response
    files = {}
    for serialised in described.file_descriptor_proto:
        file = descriptor_pb2.FileDescriptorProto.FromString(serialised)
        files[file.name] = file

    pool = descriptor_pool.DescriptorPool()

    def add(name):
        """After what it imports; what the answer lacks is asked for by name."""
        if name not in files:
            answer = ask(file_by_filename=name).file_descriptor_response
            for serialised in answer.file_descriptor_proto:
                file = descriptor_pb2.FileDescriptorProto.FromString(serialised)
                files.setdefault(file.name, file)
        file = files[name]
        if file in added:
            return
        added.append(file)
        for dependency in file.dependency:
            add(dependency)
        pool.Add(file)

    added = []
    for name in list(files):
        add(name)

    def call(service, method, values, metadata=()):
        described = pool.FindServiceByName(service).FindMethodByName(method)
        factory = message_factory.MessageFactory(pool)
        request = factory.GetPrototype(described.input_type)
        response = factory.GetPrototype(described.output_type)
        rpc = channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        return rpc(request(**values), metadata=metadata)

    session = call("realmgate.v1.UserService", "Login", {"username": "admin", "password": password})
    caller = (("authorization", f"Bearer {session.token}"),)
    me = call("realmgate.v1.UserService", "GetMe", {}, caller)

print(json.dumps({"services": services, "username": me.username}))
