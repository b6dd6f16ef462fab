# Compiler settings shared by every target, and the three ways a folder declares what it builds.

if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang" OR CMAKE_CXX_COMPILER_VERSION VERSION_LESS 19)
  # GCC 12 destroys temporaries of co_await expressions twice (docs/adr/0002-clang-and-cxx23.md).
  message(FATAL_ERROR "Sluice needs clang 19 or newer. Run scripts/setup, then: cmake --preset release")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_CXX_SCAN_FOR_MODULES OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(SLUICE_SANITIZE "" CACHE STRING "Comma-separated sanitizers, for example address,undefined")
option(SLUICE_FUZZ "Build the libFuzzer targets" OFF)
option(SLUICE_TRAIN "Build programs that note what they execute, for perf/train" OFF)
set(SLUICE_PROFILE "${CMAKE_SOURCE_DIR}/perf/profile/sluice.profdata" CACHE FILEPATH
    "What perf/train noted, by which optimised programs are laid out; empty: nothing")

find_program(SLUICE_CCACHE ccache)
if(SLUICE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SLUICE_CCACHE})
endif()
find_program(SLUICE_LLD NAMES ld.lld-19 ld.lld)
if(SLUICE_LLD)
  add_link_options(-fuse-ld=lld)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wextra-semi -Werror
                    -fno-omit-frame-pointer)
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  # DWARF 4 because Debian 12's valgrind does not read clang 19's DWARF 5.
  # -gline-tables-only: full debug information doubles link time and says little more in a sanitizer report.
  set(CMAKE_CXX_FLAGS_DEBUG "-O1 -gline-tables-only")
else()
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -gline-tables-only -gdwarf-4 -DNDEBUG")
  if(SLUICE_LLD)
    # The data path crosses folders at every step. The cache keeps an incremental link as short as without.
    add_compile_options(-flto=thin)
    add_link_options(-flto=thin -Wl,--thinlto-cache-dir=${CMAKE_BINARY_DIR}/thinlto-cache
                     -Wl,--thinlto-cache-policy,cache_size_bytes=500m)
  endif()
  # The profile knows a static function by its file's name, wherever the file is.
  add_compile_options("SHELL:-mllvm -static-func-full-module-prefix=false")
  if(SLUICE_TRAIN)
    add_compile_options(-fprofile-generate)
    add_link_options(-fprofile-generate)
  elseif(EXISTS "${SLUICE_PROFILE}")
    # Code that changed since, or never ran in training, has no profile: that is no defect of the code.
    set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${SLUICE_PROFILE})
    file(SHA256 ${SLUICE_PROFILE} SLUICE_PROFILE_HASH)
    add_compile_options(-fprofile-use=${SLUICE_PROFILE} -Wno-profile-instr-unprofiled
                        -Wno-profile-instr-out-of-date -Wno-backend-plugin)
    add_compile_definitions(SLUICE_PROFILE_HASH=${SLUICE_PROFILE_HASH}) # another profile, another command
  endif()
endif()
if(SLUICE_SANITIZE)
  add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SLUICE_SANITIZE})
endif()
if(SLUICE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# sluice_library(NAME SOURCES a.cc … DEPS target …): one library for one folder.
function(sluice_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS})
endfunction()

# sluice_program(NAME SOURCES main.cc … DEPS target …): a program in build/<preset>/bin.
function(sluice_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
endfunction()

# sluice_test(NAME SOURCES a_test.cc … DEPS target …): a GoogleTest program that ctest runs as one test.
function(sluice_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE SLUICE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
  add_test(NAME ${name} COMMAND ${name})
endfunction()

# sluice_fuzz_target(NAME DEPS target …): NAME_fuzzer.cc of this folder as two programs. NAME_replay_test, which ctest
# runs, feeds it every file of the folder's corpus; NAME_fuzzer, only with SLUICE_FUZZ, is libFuzzer's.
function(sluice_fuzz_target name)
  cmake_parse_arguments(ARG "" "" "DEPS" ${ARGN})
  sluice_test(${name}_replay_test
    SOURCES ${name}_fuzzer.cc ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_test.cc DEPS ${ARG_DEPS})
  target_compile_definitions(${name}_replay_test PRIVATE SLUICE_CORPUS="${CMAKE_CURRENT_SOURCE_DIR}/corpus")
  if(SLUICE_FUZZ)
    sluice_program(${name}_fuzzer SOURCES ${name}_fuzzer.cc DEPS ${ARG_DEPS})
    target_compile_definitions(${name}_fuzzer PRIVATE SLUICE_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    target_link_options(${name}_fuzzer PRIVATE -fsanitize=fuzzer)
  endif()
endfunction()
