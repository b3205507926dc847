// SPDX-License-Identifier: GPL-2.0-or-later
// The encoded part is decoded as the readers do it: line by line, then one gzip member.
#include "recover/crash_report.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <array>
#include <cstdio>
#include <memory>
#include <vector>

#include "common/base/bytes.h"

namespace crashdump {
namespace {

CrashReport Example(std::string_view messages) {
  return {.kernel_release = "6.1.0-50-amd64",
          .machine = "x86_64",
          .architecture = "amd64",
          .distribution = "Debian GNU/Linux 12",
          .package_version = "6.1.176-1",
          .date = "Mon Sep 21 14:13:20 2026",
          .dump_directory = "/var/crash/kernel/dumps/x",
          .messages = messages};
}

std::vector<std::string> LinesOf(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

int DecodeDigit(char digit) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return static_cast<int>(kDigits.find(digit));
}

// Each line by itself, as problem_report.py does.
std::vector<uint8_t> DecodeLine(std::string_view line) {
  std::vector<uint8_t> bytes;
  EXPECT_EQ(line.size() % 4, 0U);
  uint32_t bits = 0;
  unsigned count = 0;
  for (const char digit : line) {
    if (digit == '=') break;
    bits = bits << 6 | static_cast<uint32_t>(DecodeDigit(digit));
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<uint8_t>(bits >> count));
    }
  }
  return bytes;
}

std::string Gunzip(const std::vector<uint8_t>& bytes) {
  std::string text(16U << 20, '\0');
  z_stream stream{};
  constexpr int kGzipOnly = 15 + 16;
  EXPECT_EQ(inflateInit2(&stream, kGzipOnly), Z_OK);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  EXPECT_EQ(stream.avail_in, 0U) << "bytes behind the only gzip member";
  text.resize(stream.total_out);
  (void)inflateEnd(&stream);
  return text;
}

std::string MessagesIn(const std::string& report) {
  std::vector<uint8_t> gzip;
  bool inside = false;
  for (const std::string& line : LinesOf(report)) {
    if (line == "VmCoreDmesg: base64") {
      inside = true;
    } else if (inside) {
      EXPECT_EQ(line.front(), ' ');
      const std::vector<uint8_t> bytes = DecodeLine(std::string_view(line).substr(1));
      gzip.insert(gzip.end(), bytes.begin(), bytes.end());
    }
  }
  EXPECT_TRUE(inside);
  return Gunzip(gzip);
}

TEST(CrashReportTest, HoldsTheKeysInOrder) {
  const std::string report = FormatCrashReport(Example("[    1.0] Kernel panic\n")).TakeValue();
  const std::vector<std::string> lines = LinesOf(report);
  ASSERT_GE(lines.size(), 12U);
  EXPECT_EQ(lines[0], "ProblemType: KernelCrash");
  EXPECT_EQ(lines[1], "Architecture: amd64");
  EXPECT_EQ(lines[2], "CrashdumpDirectory: /var/crash/kernel/dumps/x");
  EXPECT_EQ(lines[3], "Date: Mon Sep 21 14:13:20 2026");
  EXPECT_EQ(lines[4], "DistroRelease: Debian GNU/Linux 12");
  EXPECT_EQ(lines[5], "Package: linux-image-6.1.0-50-amd64 6.1.176-1");
  EXPECT_EQ(lines[6], "SourcePackage: linux");
  EXPECT_EQ(lines[7], "Tags: kernel-crash");
  EXPECT_EQ(lines[8], "Uname: Linux 6.1.0-50-amd64 x86_64");
  EXPECT_EQ(lines[9], "VmCoreDmesg: base64");
  EXPECT_EQ(DecodeLine(std::string_view(lines[10]).substr(1)).size(), 10 + sizeof("VmCoreDmesg"));
}

TEST(CrashReportTest, MessagesComeBackAsTheyWere) {
  std::string large;
  for (unsigned i = 0; large.size() < 700000; ++i) large += "[ " + std::to_string(i * 7919U) + ".000001] line\n";
  const std::string noise = "\x01\xff\nProblemType: Crash\n\n x";
  for (const std::string& messages : {std::string(), std::string("a"), noise, large}) {
    EXPECT_EQ(MessagesIn(FormatCrashReport(Example(messages)).value()), messages);
  }
}

TEST(CrashReportTest, RefusesValuesThatAddLines) {
  CrashReport report = Example("");
  report.distribution = "Evil\nExecutablePath: /bin/sh";
  EXPECT_STREQ(FormatCrashReport(report).error().text(),
               "crash report: the value of DistroRelease cannot stand on one line");
  report = Example("");
  report.kernel_release = "../../etc/passwd";
  EXPECT_FALSE(FormatCrashReport(report).ok());
}

TEST(CrashReportTest, SaysThatTheKernelIsGone) {
  CrashReport report = Example("");
  report.package_version.clear();
  EXPECT_NE(FormatCrashReport(report).value().find("Package: linux-image-6.1.0-50-amd64 (not installed)\n"),
            std::string::npos);
}

TEST(CrashReportTest, KernelReleases) {
  for (const char* good : {"6.1.0-50-amd64", "7.2~rc1+b1", "5.10.0_x"}) EXPECT_TRUE(IsKernelRelease(good)) << good;
  for (const char* bad : {"", "..", ".x", "a/b", "a b", "a\n", "\xc3\xa9"}) EXPECT_FALSE(IsKernelRelease(bad)) << bad;
  EXPECT_FALSE(IsKernelRelease(std::string(65, 'a')));
}

TEST(CrashReportTest, DatePadsTheDay) {
  ASSERT_EQ(setenv("TZ", "UTC", 1), 0);  // NOLINT(concurrency-mt-unsafe)
  tzset();
  EXPECT_EQ(FormatReportDate(1788473600), "Thu Sep  3 22:13:20 2026");
}

}  // namespace
}  // namespace crashdump
