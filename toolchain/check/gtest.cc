// SPDX-License-Identifier: GPL-2.0-or-later
// GoogleTest, GoogleMock, iostreams, std::filesystem and threads in a test binary.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>
#include <vector>

namespace {

TEST(Sysroot, HasIostreams) {
  std::ostringstream text;
  text << "pfn " << std::hex << 255;
  EXPECT_EQ(text.str(), "pfn ff");
}

TEST(Sysroot, HasMatchers) { EXPECT_THAT((std::vector{1, 2, 3}), testing::ElementsAre(1, 2, testing::Gt(2))); }

class Sink {
 public:
  virtual ~Sink() = default;
  virtual int Write(int size) = 0;
};

class MockSink : public Sink {
 public:
  MOCK_METHOD(int, Write, (int size), (override));
};

TEST(Sysroot, HasMocks) {
  MockSink sink;
  EXPECT_CALL(sink, Write(4096)).WillOnce(testing::Return(4096));
  EXPECT_EQ(sink.Write(4096), 4096);
}

TEST(Sysroot, HasFileSystems) { EXPECT_TRUE(std::filesystem::is_directory("/")); }

TEST(Sysroot, HasThreads) {
  int value = 0;
  std::thread([&value] { value = 1; }).join();
  EXPECT_EQ(value, 1);
}

TEST(SysrootDeathTest, HasDeathTests) { EXPECT_EXIT(std::_Exit(3), testing::ExitedWithCode(3), ""); }

// Run by check-sysroot alone, to see that a failure is reported.
TEST(Sysroot, DISABLED_Fails) { FAIL(); }

}  // namespace
