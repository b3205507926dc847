// SPDX-License-Identifier: GPL-2.0-or-later
// What a child that was taken over may say to the process that believes it. The first byte chooses the kind of frame,
// the next eight are its argument and its number; or it says that the rest is sent as it is.
// Fuzzes: dump_channel.cc
#include <sys/socket.h>

#include <algorithm>

#include "common/base/io.h"
#include "common/format/dump_format.h"
#include "common/testing/fuzzer.h"
#include "recover/dump_channel.h"

namespace crashdump {
namespace {

constexpr size_t kHeadBytes = 9;
constexpr uint8_t kAsItIs = 0xff;
// What a socket holds though nobody reads.
constexpr size_t kSocketBytes = 64 * kKiB;

Frame FrameOf(Bytes input) {
  const auto number = [&input](size_t at) {
    return static_cast<uint32_t>(LoadInteger(input.subspan(at, 4), ByteOrder::kLittle));
  };
  Frame frame = {.kind = static_cast<FrameKind>(input[0]), .argument = number(1), .number = number(5)};
  frame.payload.assign(input.begin() + kHeadBytes, input.end());
  return frame;
}

void Check(const Frame& frame) {
  const Result<AttemptStates> states = StatesOf(frame);
  for (const AttemptState state : states.ok() ? states.value() : AttemptStates{}) {
    Require(state <= AttemptState::kUnknown);
  }
  const Result<DumpHeader> header = HeaderOf(frame);
  if (header.ok()) Require(header.value().page_bytes >= kMinPageBytes && header.value().page_bytes <= kMaxPageBytes);
  const Result<DumpSurvey> survey = SurveyOf(frame);
  if (survey.ok()) {
    Require(survey.value().state <= DumpState::kTorn && survey.value().format <= VmcoreFormat::kCrashdump);
    Require(survey.value().messages.size() <= frame.payload.size());
    Require(survey.value().page_count() <= 2 * kPfnLimit);
  }
  Require(ErrorOf(frame).text()[Error::kTextBytes - 1] == 0);
}

struct Sockets {
  UniqueFd child;
  UniqueFd parent;

  Sockets() {
    int sockets[2];
    Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
    child = UniqueFd(sockets[0]);
    parent = UniqueFd(sockets[1]);
  }
};

void Run(Bytes input) {
  if (input.empty()) return;
  if (input[0] != kAsItIs) {
    if (input.size() >= kHeadBytes) Check(FrameOf(input));
    return;
  }
  Sockets sockets;
  Require(WriteFull(sockets.child.get(), input.subspan(1).first(std::min(input.size() - 1, kSocketBytes))).ok());
  sockets.child.Reset();
  const DumpChannel parent{std::move(sockets.parent)};
  for (Result<Frame> frame = parent.Receive(); frame.ok(); frame = parent.Receive()) Check(frame.value());
}

// What the child sends through a real channel.
std::vector<testing::FuzzerInput> Seeds() {
  Sockets sockets;
  const DumpChannel child{std::move(sockets.child)};
  const DumpChannel parent{std::move(sockets.parent)};
  DumpHeader header;
  header.attempt = 1;
  header.page_bytes = 4096;
  Require(child.SendHeader(header).ok() && child.SendError(Error::Os(5, "read")).ok() &&
          child.SendSurvey({.reason = "no space", .messages = "panic\n", .machine_facts = "a=b\n", .summary = "c=d\n"})
              .ok() &&
          child.Send(FrameKind::kStates, 0x0302).ok());
  std::vector<testing::FuzzerInput> seeds;
  for (int i = 0; i < 4; ++i) {
    const Frame frame = parent.Receive().TakeValue();
    testing::FuzzerInput input(kHeadBytes);
    input[0] = static_cast<uint8_t>(frame.kind);
    input[1] = static_cast<uint8_t>(frame.argument);
    input[2] = static_cast<uint8_t>(frame.argument >> 8);
    input[5] = static_cast<uint8_t>(frame.number);
    input.insert(input.end(), frame.payload.begin(), frame.payload.end());
    seeds.push_back(std::move(input));
  }
  // Two frames as they are sent: kind, argument, number, length of the payload.
  testing::FuzzerInput sent = {kAsItIs, 5, 0, 0, 0, 2, 3};
  sent.resize(1 + 24);
  sent.insert(sent.end(), {9, 0, 0, 0, 5});
  sent.resize(1 + 24 + 16);
  sent.insert(sent.end(), {3, 0, 0, 0, 0, 0, 0, 0, 'e', 'n', 'd'});
  Require(sent.size() == 1 + 24 + 24 + 3);
  seeds.push_back(std::move(sent));
  return seeds;
}

const testing::Fuzzer fuzzer("dump_channel", Run, Seeds);

}  // namespace
}  // namespace crashdump
