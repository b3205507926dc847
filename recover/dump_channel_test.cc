// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/dump_channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

namespace crashdump {
namespace {

class DumpChannelTest : public ::testing::Test {
 protected:
  DumpChannelTest() {
    int sockets[2];
    Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
    child_.emplace(UniqueFd(sockets[0]));
    parent_.emplace(UniqueFd(sockets[1]));
  }
  Frame Received() { return parent_->Receive().TakeValue(); }
  // A frame with these bytes in its head, without a payload.
  ErrorCode Refusal(std::vector<uint8_t> head) {
    Require(write(child_->fd(), head.data(), head.size()) == static_cast<ssize_t>(head.size()));
    child_.reset();
    const Result<Frame> frame = parent_->Receive();
    return frame.ok() ? ErrorCode::kOs : frame.error().code();
  }

  std::optional<DumpChannel> child_, parent_;
};

TEST_F(DumpChannelTest, HeaderComesBack) {
  DumpHeader header;
  header.attempt = 2;
  header.page_bytes = 65536;
  header.crash_time = 1700000000;
  header.attempt_id.fill(0xA7);
  child_->SendHeader(header).TakeValue();
  const DumpHeader got = HeaderOf(Received()).TakeValue();
  EXPECT_EQ(got.attempt, 2U);
  EXPECT_EQ(got.page_bytes, 65536U);
  EXPECT_EQ(got.crash_time, 1700000000U);
  EXPECT_EQ(got.attempt_id, header.attempt_id);
}

TEST_F(DumpChannelTest, SurveyComesBack) {
  DumpSurvey survey = {.state = DumpState::kIncomplete,
                       .reason = "no space",
                       .read_error = true,
                       .data_pages = 1,
                       .zero_pages = 2,
                       .unreadable_pages = 3,
                       .messages = std::string(3 * kMiB, 'm'),
                       .machine_facts = "a=b\n",
                       .summary = std::string("c=d\n\0", 5),
                       .format = VmcoreFormat::kElf,
                       .expected_bytes = 4};
  std::thread sender([&] { child_->SendSurvey(survey).TakeValue(); });
  const DumpSurvey got = SurveyOf(Received()).TakeValue();
  sender.join();
  EXPECT_EQ(got.state, DumpState::kIncomplete);
  EXPECT_EQ(got.reason, survey.reason);
  EXPECT_TRUE(got.read_error);
  EXPECT_EQ(got.data_pages, 1U);
  EXPECT_EQ(got.zero_pages, 2U);
  EXPECT_EQ(got.unreadable_pages, 3U);
  EXPECT_EQ(got.messages, survey.messages);
  EXPECT_EQ(got.machine_facts, survey.machine_facts);
  EXPECT_EQ(got.summary, survey.summary);
  EXPECT_EQ(got.format, VmcoreFormat::kElf);
  EXPECT_EQ(got.expected_bytes, 4U);
}

TEST_F(DumpChannelTest, ErrorsComeBack) {
  child_->SendError(Error::Os(EIO, "sector 7")).TakeValue();
  const Error error = ErrorOf(Received());
  EXPECT_EQ(error.code(), ErrorCode::kOs);
  EXPECT_EQ(error.os_error(), EIO);
  EXPECT_STREQ(error.text(), Error::Os(EIO, "sector 7").text());
}

TEST_F(DumpChannelTest, WhoIsGoneIsNoticed) {
  child_.reset();
  EXPECT_EQ(parent_->Receive().error().code(), ErrorCode::kTruncated);
}

TEST_F(DumpChannelTest, ALengthThatCannotBeIsRefusedBeforeMemoryIsTaken) {
  std::vector<uint8_t> head(24);
  head[0] = static_cast<uint8_t>(FrameKind::kSurveyed);
  head[22] = 1;  // 256 TiB
  EXPECT_EQ(Refusal(head), ErrorCode::kCorrupt);
}

TEST_F(DumpChannelTest, AKindThatIsNoneHasNoPayload) {
  std::vector<uint8_t> head(24);
  head[0] = 99;
  head[16] = 1;
  EXPECT_EQ(Refusal(head), ErrorCode::kCorrupt);
}

TEST(DumpChannelFrames, ValuesThatCannotBeAreRefused) {
  const auto corrupt = [](const auto& result) { return !result.ok(); };
  EXPECT_TRUE(corrupt(StatesOf({.kind = FrameKind::kStates, .argument = 0x0400})));
  EXPECT_FALSE(corrupt(StatesOf({.kind = FrameKind::kStates, .argument = 0x0302})));
  EXPECT_TRUE(corrupt(HeaderOf({.payload = std::vector<uint8_t>(31)})));
  EXPECT_TRUE(corrupt(HeaderOf({.payload = std::vector<uint8_t>(32)})));
  std::vector<uint8_t> survey(80);
  EXPECT_FALSE(corrupt(SurveyOf({.payload = survey})));
  for (const size_t byte : {0U, 8U, 23U, 31U, 39U, 48U, 79U}) {
    std::vector<uint8_t> changed = survey;
    changed[byte] = 0x80;
    EXPECT_TRUE(corrupt(SurveyOf({.payload = changed}))) << byte;
  }
  // A reason of five KiB.
  std::vector<uint8_t> long_reason(80 + 5120);
  long_reason[49] = 20;
  EXPECT_TRUE(corrupt(SurveyOf({.payload = long_reason})));
  EXPECT_EQ(ErrorOf({.argument = 200}).code(), ErrorCode::kCorrupt);
  EXPECT_EQ(ErrorOf({.number = 1 << 20}).code(), ErrorCode::kCorrupt);
  // Longer than an error's text can be.
  const Error longest = ErrorOf({.argument = 3, .payload = std::vector<uint8_t>(Error::kTextBytes, 'x')});
  EXPECT_EQ(std::string(longest.text()).size(), Error::kTextBytes - 1);
}

}  // namespace
}  // namespace crashdump
