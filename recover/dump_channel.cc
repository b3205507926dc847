// SPDX-License-Identifier: GPL-2.0-or-later
#include "recover/dump_channel.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <numeric>

#include "common/base/byte_reader.h"
#include "common/base/io.h"
#include "common/format/dump_format.h"

namespace crashdump {
namespace {

struct FrameOnWire {
  le32 kind;
  le32 argument;
  le64 number;
  le64 payload_bytes;
};
static_assert(sizeof(FrameOnWire) == 24 && alignof(FrameOnWire) == 1);

struct HeaderOnWire {
  le32 attempt;
  le32 page_bytes;
  le64 crash_time;
  uint8_t attempt_id[16];
};
static_assert(sizeof(HeaderOnWire) == 32 && alignof(HeaderOnWire) == 1);

struct SurveyOnWire {
  le32 state;
  le32 read_error;
  le32 format;
  le32 reserved;
  le64 data_pages;
  le64 zero_pages;
  le64 unreadable_pages;
  le64 expected_bytes;
  le64 text_bytes[4];  // reason, messages, machine facts, summary, which follow
};
static_assert(sizeof(SurveyOnWire) == 80 && alignof(SurveyOnWire) == 1);

// Of the texts: each has to find a place in info.json or in memory.
constexpr std::array<uint64_t, 4> kMaxTextBytes = {4096, kSectionMaxBytes, 512 * kKiB, kSummaryMaxBytes};
constexpr uint64_t kMaxPayload =
    sizeof(SurveyOnWire) + std::accumulate(kMaxTextBytes.begin(), kMaxTextBytes.end(), uint64_t{0});
constexpr uint64_t kMaxErrorText = Error::kTextBytes;

uint64_t MaxPayload(FrameKind kind) {
  switch (kind) {
    case FrameKind::kHeader:
      return sizeof(HeaderOnWire);
    case FrameKind::kSurveyed:
      return kMaxPayload;
    case FrameKind::kError:
      return kMaxErrorText;
    case FrameKind::kBytes:
      return kFrameBytes;
    case FrameKind::kProgress:
      return sizeof(le64);
    case FrameKind::kInspect:
    case FrameKind::kOpen:
    case FrameKind::kSurvey:
    case FrameKind::kVmcore:
    case FrameKind::kSurveyTexts:
    case FrameKind::kStates:
    case FrameKind::kWritten:
      return 0;
  }
  return 0;
}

Error Nonsense(const char* what) {
  return Error::Format(ErrorCode::kCorrupt, "the program that reads the dump says nonsense: %s", what);
}

Result<> ReceiveFull(int fd, MutableBytes out) {
  while (!out.empty()) {
    const ssize_t count = read(fd, out.data(), out.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) {
      return Error::Format(ErrorCode::kTimeout, "the program that reads the dump says nothing any more");
    }
    if (count < 0) return Error::Os(errno, "read");
    if (count == 0) return Error::Format(ErrorCode::kTruncated, "the program that reads the dump has ended");
    out = out.subspan(static_cast<size_t>(count));
  }
  return {};
}

}  // namespace

Result<> DumpChannel::Send(FrameKind kind, uint32_t argument, uint64_t number, Bytes payload) const {
  const FrameOnWire frame = {
      .kind = static_cast<uint32_t>(kind), .argument = argument, .number = number, .payload_bytes = payload.size()};
  TRY(WriteFull(fd(), BytesOf(frame)));
  return WriteFull(fd(), payload);
}

Result<Frame> DumpChannel::Receive() const {
  FrameOnWire wire{};
  TRY(ReceiveFull(fd(), {reinterpret_cast<uint8_t*>(&wire), sizeof(wire)}));
  Frame frame = {.kind = static_cast<FrameKind>(uint32_t{wire.kind}), .argument = wire.argument, .number = wire.number};
  if (wire.payload_bytes > MaxPayload(frame.kind)) return Nonsense("a length");
  frame.payload.resize(static_cast<size_t>(wire.payload_bytes));
  TRY(ReceiveFull(fd(), frame.payload));
  return frame;
}

Result<> DumpChannel::SendHeader(const DumpHeader& header) const {
  HeaderOnWire wire = {.attempt = header.attempt, .page_bytes = header.page_bytes, .crash_time = header.crash_time};
  std::copy(header.attempt_id.begin(), header.attempt_id.end(), wire.attempt_id);
  return Send(FrameKind::kHeader, 0, 0, BytesOf(wire));
}

Result<DumpHeader> HeaderOf(const Frame& frame) {
  ByteReader reader(frame.payload);
  const auto wire = TRY(reader.TakeObject<HeaderOnWire>(), "header");
  DumpHeader header;
  header.attempt = wire.attempt;
  header.page_bytes = wire.page_bytes;
  header.crash_time = wire.crash_time;
  std::copy(std::begin(wire.attempt_id), std::end(wire.attempt_id), header.attempt_id.begin());
  if (header.page_bytes < kMinPageBytes || header.page_bytes > kMaxPageBytes) return Nonsense("a page size");
  return header;
}

Result<> DumpChannel::SendSurvey(const DumpSurvey& survey) const {
  SurveyOnWire wire = {.state = static_cast<uint32_t>(survey.state),
                       .read_error = survey.read_error ? 1U : 0U,
                       .format = static_cast<uint32_t>(survey.format),
                       .reserved = 0,
                       .data_pages = survey.data_pages,
                       .zero_pages = survey.zero_pages,
                       .unreadable_pages = survey.unreadable_pages,
                       .expected_bytes = survey.expected_bytes};
  std::vector<uint8_t> payload(sizeof(wire));
  size_t i = 0;
  for (const std::string* text : {&survey.reason, &survey.messages, &survey.machine_facts, &survey.summary}) {
    wire.text_bytes[i++] = text->size();
    payload.insert(payload.end(), text->begin(), text->end());
  }
  memcpy(payload.data(), &wire, sizeof(wire));
  return Send(FrameKind::kSurveyed, 0, 0, payload);
}

Result<DumpSurvey> SurveyOf(const Frame& frame) {
  ByteReader reader(frame.payload);
  const auto wire = TRY(reader.TakeObject<SurveyOnWire>(), "survey");
  DumpSurvey survey;
  survey.state = static_cast<DumpState>(uint32_t{wire.state});
  survey.read_error = wire.read_error != 0;
  survey.format = static_cast<VmcoreFormat>(uint32_t{wire.format});
  survey.data_pages = wire.data_pages;
  survey.zero_pages = wire.zero_pages;
  survey.unreadable_pages = wire.unreadable_pages;
  survey.expected_bytes = wire.expected_bytes;
  size_t i = 0;
  for (std::string* text : {&survey.reason, &survey.messages, &survey.machine_facts, &survey.summary}) {
    if (wire.text_bytes[i] > kMaxTextBytes[i]) return Nonsense("a text that is too long");
    const Bytes bytes = TRY(reader.Take(wire.text_bytes[i++]), "survey");
    text->assign(bytes.begin(), bytes.end());
  }
  if (uint32_t{wire.state} > static_cast<uint32_t>(DumpState::kTorn)) return Nonsense("a state");
  if (uint32_t{wire.format} > static_cast<uint32_t>(VmcoreFormat::kCrashdump)) return Nonsense("a format");
  if (std::max({survey.data_pages, survey.zero_pages, survey.unreadable_pages}) > kPfnLimit) {
    return Nonsense("a number of pages");
  }
  return survey;
}

Result<AttemptStates> StatesOf(const Frame& frame) {
  AttemptStates states{};
  for (size_t i = 0; i < states.size(); ++i) {
    const uint32_t state = frame.argument >> (8 * i) & 0xff;
    if (state > static_cast<uint32_t>(AttemptState::kUnknown)) return Nonsense("the state of an attempt");
    states[i] = static_cast<AttemptState>(state);
  }
  return states;
}

Result<> DumpChannel::SendError(const Error& error) const {
  return Send(FrameKind::kError, static_cast<uint32_t>(error.code()), static_cast<uint64_t>(error.os_error()),
              BytesOf(std::string_view(error.text())));
}

Error ErrorOf(const Frame& frame) {
  if (frame.argument > static_cast<uint32_t>(ErrorCode::kTimeout) || frame.number > 4095) return Nonsense("an error");
  const std::string_view text(reinterpret_cast<const char*>(frame.payload.data()), frame.payload.size());
  return Error::Received(static_cast<ErrorCode>(frame.argument), static_cast<int>(frame.number), text);
}

}  // namespace crashdump
