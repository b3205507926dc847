// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/init/console.h"

#include <gtest/gtest.h>

#include "capture/init/test_support.h"

namespace crashdump {
namespace {

TEST(ConsoleTest, WritesToEveryActiveDevice) {
  const ScratchDirectory directory;
  directory.Write("tty0", "");
  directory.Write("ttyS0", "");
  const std::string list = directory.Write("active", "tty0 gone0 ttyS0\n");
  Console console;
  ASSERT_TRUE(console.OpenActive(list.c_str(), directory.path().c_str()).ok());
  console.Line("%d \x1b[2J", 5);
  EXPECT_EQ(directory.Read("tty0"), "crashdump: 5 ?[2J\n");
  EXPECT_EQ(directory.Read("ttyS0"), "crashdump: 5 ?[2J\n");
}

TEST(ConsoleTest, LeavesTheTerminalsThatHaveAScreen) {
  const ScratchDirectory directory;
  for (const char* name : {"tty0", "tty12", "ttyS0", "hvc0"}) directory.Write(name, "");
  const std::string list = directory.Write("active", "tty0 tty12 ttyS0 hvc0\n");
  Console console;
  ASSERT_TRUE(console.OpenActive(list.c_str(), directory.path().c_str()).ok());
  console.Line("all");
  console.LeaveTerminals();
  console.Line("some");
  EXPECT_EQ(directory.Read("tty0"), "crashdump: all\n");
  EXPECT_EQ(directory.Read("tty12"), "crashdump: all\n");
  EXPECT_EQ(directory.Read("ttyS0"), "crashdump: all\ncrashdump: some\n");
  EXPECT_EQ(directory.Read("hvc0"), "crashdump: all\ncrashdump: some\n");
}

TEST(ConsoleTest, NoDeviceIsAnError) {
  const ScratchDirectory directory;
  Console console;
  const std::string empty = directory.Write("active", "\n");
  EXPECT_FALSE(console.OpenActive(empty.c_str(), directory.path().c_str()).ok());
  EXPECT_FALSE(console.OpenActive(directory.Path("none").c_str(), directory.path().c_str()).ok());
  const std::string gone = directory.Write("active", "gone0");
  EXPECT_FALSE(console.OpenActive(gone.c_str(), directory.path().c_str()).ok());
}

TEST(ConsoleTest, ADeviceThatTakesNothingHoldsUpNothing) {
  const ScratchDirectory directory;
  ASSERT_EQ(mkfifo(directory.Path("stuck").c_str(), 0600), 0);
  const Result<UniqueFd> reader = OpenFile(directory.Path("stuck").c_str(), O_RDWR);
  ASSERT_TRUE(reader.ok());
  ASSERT_EQ(fcntl(reader.value().get(), F_SETPIPE_SZ, 4096), 4096);
  ASSERT_TRUE(WriteFull(reader.value().get(), BytesOf(std::string(4096, 'x'))).ok());
  const std::string list = directory.Write("active", "stuck");
  Console console;
  ASSERT_TRUE(console.OpenActive(list.c_str(), directory.path().c_str()).ok());
  const uint64_t begin_ms = NowMs();
  for (int i = 0; i < 50; ++i) console.Line("line %d", i);
  const uint64_t took_ms = NowMs() - begin_ms;
  EXPECT_GE(took_ms, 400U);  // it was given a chance, once
  EXPECT_LT(took_ms, 5000U);
  // And is used again as soon as it takes something.
  std::string buffer(4096, ' ');
  ASSERT_EQ(read(reader.value().get(), buffer.data(), buffer.size()), 4096);
  console.Line("again");
  const ssize_t got = read(reader.value().get(), buffer.data(), buffer.size());
  ASSERT_GT(got, 0);
  EXPECT_EQ(buffer.substr(0, static_cast<size_t>(got)), "crashdump: again\n");
}

TEST(ConsoleTest, ALineThatWasTornDoesNotSpoilTheNextOne) {
  const ScratchDirectory directory;
  ASSERT_EQ(mkfifo(directory.Path("slow").c_str(), 0600), 0);
  const Result<UniqueFd> reader = OpenFile(directory.Path("slow").c_str(), O_RDWR);
  ASSERT_TRUE(reader.ok());
  ASSERT_EQ(fcntl(reader.value().get(), F_SETPIPE_SZ, 4096), 4096);
  LineOutput output;
  const Result<UniqueFd> writer = OpenFile(directory.Path("slow").c_str(), O_WRONLY | O_NONBLOCK);
  ASSERT_TRUE(writer.ok());
  // A pipe takes up to 4096 bytes whole or not at all, and of more what fits.
  WriteLine(writer.value().get(), std::string(5000, 'x'), output);
  EXPECT_TRUE(output.stuck && output.torn);
  WriteLine(writer.value().get(), "lost", output);
  std::string buffer(4096, ' ');
  ASSERT_EQ(read(reader.value().get(), buffer.data(), buffer.size()), 4096);
  WriteLine(writer.value().get(), "whole", output);
  EXPECT_FALSE(output.stuck || output.torn);
  const ssize_t got = read(reader.value().get(), buffer.data(), buffer.size());
  ASSERT_GT(got, 0);
  EXPECT_EQ(buffer.substr(0, static_cast<size_t>(got)), "\nwhole\n");
}

TEST(ConsoleTest, GivesKeysOneByOneWithoutShowingThem) {
  const ScratchDirectory directory;
  SerialLine line;
  SerialLine other;
  ASSERT_EQ(symlink(line.device().c_str(), directory.Path("ttyS0").c_str()), 0);
  ASSERT_EQ(symlink(other.device().c_str(), directory.Path("ttyS1").c_str()), 0);
  directory.Write("file", "no keys");
  const std::string list = directory.Write("active", "ttyS0 file ttyS1");
  Console console;
  ASSERT_TRUE(console.OpenActive(list.c_str(), directory.path().c_str()).ok());
  EXPECT_EQ(console.key_fds()[1], -1);  // a file gives none
  EXPECT_FALSE(console.ReadKey());
  other.Send("\x03y\x13");
  for (const char expected : {'\x03', 'y', '\x13'}) {
    pollfd ready = {.fd = console.key_fds()[2], .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&ready, 1, 5000), 1);
    const std::optional<Key> key = console.ReadKey();
    ASSERT_TRUE(key);
    EXPECT_EQ(key->value, expected);
    EXPECT_EQ(key->terminal, directory.Path("ttyS1"));
  }
  console.Line("shown");
  EXPECT_EQ(other.ReceiveUntil("\n"), "crashdump: shown\r\n");
}

TEST(ConsoleTest, ALineThatHasHungUpGivesNoMoreKeys) {
  const ScratchDirectory directory;
  Console console;
  {
    SerialLine line;
    ASSERT_EQ(symlink(line.device().c_str(), directory.Path("ttyS0").c_str()), 0);
    const std::string list = directory.Write("active", "ttyS0");
    ASSERT_TRUE(console.OpenActive(list.c_str(), directory.path().c_str()).ok());
    EXPECT_NE(console.key_fds()[0], -1);
  }
  EXPECT_FALSE(console.ReadKey());
  EXPECT_EQ(console.key_fds()[0], -1);
}

}  // namespace
}  // namespace crashdump
