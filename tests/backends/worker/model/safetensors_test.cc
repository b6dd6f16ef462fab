#include "backends/worker/model/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <string>

#include "backends/worker/model/load_error.h"
#include "tests/backends/worker/checkpoint_fixture.h"

namespace sluice::worker {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string file_of(std::uint64_t header_size, const std::string& header, std::size_t data_bytes) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &header_size, 8);
  return bytes + header + std::string(data_bytes, '\0');
}

std::string file_of(const std::string& header, std::size_t data_bytes) {
  return file_of(header.size(), header, data_bytes);
}

class SafetensorsFile : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& bytes) {
    const auto path = directory_.path() / "model.safetensors";
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  std::string refusal(const std::string& bytes) {
    const auto path = write(bytes);
    try {
      const Safetensors file(path);
    } catch (const LoadError& error) {
      EXPECT_THAT(error.what(), HasSubstr(path.string()));
      return error.what();
    }
    return "accepted";
  }

  TemporaryDirectory directory_;
};

TEST_F(SafetensorsFile, AllThreeTypesAreReadAsF32) {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},)"
      R"("h":{"dtype":"F16","shape":[6],"data_offsets":[8,20]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[20,24]}})";
  std::string bytes = file_of(header, 0);
  const auto append = [&](auto value) { bytes.append(reinterpret_cast<const char*>(&value), sizeof(value)); };
  append(1.5F);
  append(-2.25F);
  for (const int half : {0x3C00, 0xC000, 0x0001, 0x7BFF, 0x7C00, 0x8000})
    append(static_cast<std::uint16_t>(half));
  append(std::uint16_t{0x3F80});
  append(std::uint16_t{0xC049});
  const Safetensors file(write(bytes));
  EXPECT_THAT(file.read(file.tensors().at("a")), ::testing::ElementsAre(1.5F, -2.25F));
  const auto halves = file.read(file.tensors().at("h"));
  EXPECT_THAT(halves, ::testing::ElementsAre(1.0F, -2.0F, 0x1p-24F, 65504.0F, INFINITY, 0.0F));
  EXPECT_TRUE(std::signbit(halves[5]));
  EXPECT_THAT(file.read(file.tensors().at("b")), ::testing::ElementsAre(1.0F, -3.140625F));
}

TEST_F(SafetensorsFile, HeadersThatLieAreRefused) {
  const std::string good = R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  EXPECT_EQ(refusal(file_of(good, 8)), "accepted");
  EXPECT_THAT(refusal(""), HasSubstr("too short"));
  EXPECT_THAT(refusal("1234567"), HasSubstr("too short"));
  EXPECT_THAT(refusal(file_of(std::uint64_t{1} << 40, good, 8)), HasSubstr("the header claims"));
  EXPECT_THAT(refusal(file_of(~std::uint64_t{0}, good, 8)), HasSubstr("the header claims"));
  EXPECT_THAT(refusal(file_of(good.size() + 9, good, 8)), HasSubstr("the header claims"));
  EXPECT_THAT(refusal(file_of(0, "", 8)), HasSubstr("not JSON"));
  EXPECT_THAT(refusal(file_of(good.size() - 1, good, 8)), HasSubstr("not JSON"));
  EXPECT_THAT(refusal(file_of("[1]", 0)), HasSubstr("not JSON"));
  EXPECT_THAT(refusal(file_of(good, 4)),
              AllOf(HasSubstr("tensor t"), HasSubstr("outside the file's 4 bytes")));
  EXPECT_THAT(refusal(file_of(good, 9)), HasSubstr("bytes behind the last tensor"));
}

TEST_F(SafetensorsFile, TensorsThatLieAreRefusedByName) {
  const auto tensor = [&](const std::string& members, std::size_t data = 8) {
    return refusal(file_of(R"({"bad":{)" + members + "}}", data));
  };
  EXPECT_THAT(tensor(R"("shape":[2],"data_offsets":[0,8])"), HasSubstr("tensor bad has no dtype"));
  EXPECT_THAT(tensor(R"("dtype":"I64","shape":[1],"data_offsets":[0,8])"), HasSubstr("bad has dtype I64"));
  EXPECT_THAT(tensor(R"("dtype":"F32","data_offsets":[0,8])"), HasSubstr("bad has no shape"));
  EXPECT_THAT(tensor(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), HasSubstr("no size"));
  EXPECT_THAT(tensor(R"("dtype":"F32","shape":[2.5],"data_offsets":[0,8])"), HasSubstr("no size"));
  EXPECT_THAT(tensor(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8])"),
              HasSubstr("too large"));
  EXPECT_THAT(tensor(R"("dtype":"F32","shape":[2])"), HasSubstr("bad has no data_offsets"));
  EXPECT_THAT(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), HasSubstr("outside the file"));
  EXPECT_THAT(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615])"),
              HasSubstr("outside the file"));
  EXPECT_THAT(tensor(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"),
              HasSubstr("has shape [2] but 4 bytes"));
  EXPECT_THAT(refusal(file_of(R"({"bad":7})", 0)), HasSubstr("tensor bad has no dtype"));
}

TEST_F(SafetensorsFile, TensorsThatOverlapOrLeaveGapsAreRefused) {
  const auto two = [&](const std::string& second, std::size_t data) {
    return refusal(file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)" + second + "}", data));
  };
  EXPECT_THAT(two(R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]})", 12),
              HasSubstr("tensor b overlaps"));
  EXPECT_THAT(two(R"("b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]})", 20),
              HasSubstr("gap before tensor b"));
  EXPECT_THAT(two(R"("a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]})", 16),
              HasSubstr("tensor a is there twice"));
}

TEST_F(SafetensorsFile, AFileThatShrinksAfterItWasOpenedIsAnErrorAndNotASignal) {
  const auto path = write(file_of(R"({"t":{"dtype":"F32","shape":[4096],"data_offsets":[0,16384]}})", 16384));
  const Safetensors file(path);
  std::filesystem::resize_file(path, 100);
  EXPECT_THROW(file.read(file.tensors().at("t")), LoadError);
}

TEST_F(SafetensorsFile, WhatIsNoRegularFileIsRefused) {
  EXPECT_THROW(Safetensors(directory_.path()), LoadError);
  EXPECT_THROW(Safetensors(directory_.path() / "nowhere"), LoadError);
}

TEST_F(SafetensorsFile, EveryTruncationOfARealCheckpointIsRefused) {
  std::ifstream in(fixture_directory("llama_f32") / "model.safetensors", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  for (std::size_t size = 0; size < bytes.size(); size += 997)
    EXPECT_NE(refusal(bytes.substr(0, size)), "accepted");
}

}  // namespace
}  // namespace sluice::worker
