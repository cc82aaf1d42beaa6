# Precompiled headers, one for the rooms and one for their tests: what nearly every file includes
# and is slow to read. Rooms that read JSON or YAML include those themselves.
#   perfwatt_precompiled(TARGET [HEADERS ...] [LIBRARIES ...] [OPTIONS ...])
function(perfwatt_precompiled target)
  cmake_parse_arguments(PCH "" "" "HEADERS;LIBRARIES;OPTIONS" ${ARGN})
  set(source "${PROJECT_BINARY_DIR}/generated/${target}.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "// Carries the precompiled header.\n")
  add_library(${target} OBJECT EXCLUDE_FROM_ALL "${source}")
  target_link_libraries(${target} PRIVATE perfwatt_options fmt::fmt ${PCH_LIBRARIES})
  target_compile_options(${target} PRIVATE ${PCH_OPTIONS})
  target_precompile_headers(${target} PRIVATE
    <algorithm> <cstdint> <functional> <map> <memory> <optional> <string> <string_view> <utility>
    <variant> <vector> <fmt/format.h> ${PCH_HEADERS})
endfunction()
