"""A protoc plugin that makes grpcio's Python stubs, so that buf can run it like any other.

grpcio-tools carries the generator inside its protoc instead of as a plugin of its own.
"""

import sys
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2
from grpc_tools import protoc


def main() -> None:
    """Answer one CodeGeneratorRequest from standard input."""
    request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
    files = descriptor_pb2.FileDescriptorSet(file=request.proto_file)
    with_services = {file.name for file in request.proto_file if file.service}
    wanted = [name for name in request.file_to_generate if name in with_services]
    response = plugin_pb2.CodeGeneratorResponse(
        supported_features=plugin_pb2.CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL
    )
    with tempfile.TemporaryDirectory() as scratch:
        descriptors = Path(scratch, "in.binpb")
        descriptors.write_bytes(files.SerializeToString())
        if wanted:
            options = [f"--descriptor_set_in={descriptors}", f"--grpc_python_out={scratch}"]
            status = protoc.main(["protoc", *options, *wanted])
            if status:
                response.error = "protoc refused"
        for made in sorted(Path(scratch).rglob("*_grpc.py")):
            response.file.add(name=str(made.relative_to(scratch)), content=made.read_text())
    sys.stdout.buffer.write(response.SerializeToString())


if __name__ == "__main__":
    main()
