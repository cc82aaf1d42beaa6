find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(Protobuf REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)

# Debian builds SystemC as C++17; the library refuses another standard unless told which one it was
# built with.
pkg_check_modules(SYSTEMC REQUIRED IMPORTED_TARGET systemc)
add_library(perfwatt_systemc INTERFACE)
target_link_libraries(perfwatt_systemc INTERFACE PkgConfig::SYSTEMC)
target_compile_definitions(perfwatt_systemc INTERFACE SC_CPLUSPLUS=201703L)
target_compile_options(perfwatt_systemc INTERFACE -Wno-old-style-cast)

find_library(ONNX_PROTO_LIBRARY onnx_proto REQUIRED)
add_library(perfwatt_onnx INTERFACE)
target_link_libraries(perfwatt_onnx INTERFACE ${ONNX_PROTO_LIBRARY} protobuf::libprotobuf)
target_compile_definitions(perfwatt_onnx INTERFACE ONNX_ML=1 ONNX_NAMESPACE=onnx)
