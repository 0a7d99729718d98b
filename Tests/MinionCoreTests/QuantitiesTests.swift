import MinionCore
import Testing

@Suite struct QuantitiesTests {
    @Test(arguments: [
        ("0", Int64(0)), ("4096", 4096), ("512K", 524_288), ("1.5G", 1_610_612_736), ("10MiB", 10_485_760),
        ("10MB", 10_000_000), ("2t", 2_199_023_255_552), ("7b", 7),
    ])
    func sizesAreReadAsPeopleWriteThem(text: String, bytes: Int64) {
        #expect(ByteSize(text)?.bytes == bytes)
    }

    @Test(arguments: [
        "", "K", "-1", "+5", "1e9", "1..2", "nan", "inf", "10X", "10 M", "1,5M", "0x10", "9999999T", "１M",
    ])
    func nonsenseSizesAreRefused(text: String) {
        #expect(ByteSize(text) == nil)
    }

    @Test(arguments: [
        ("10M", 10_485_760.0), ("80mbit", 10_000_000), ("1gbit", 125_000_000), ("2.5Gbit/s", 312_500_000),
        ("512K/s", 524_288), ("100", 100),
    ])
    func ratesAreReadInBytesAndBits(text: String, bytesPerSecond: Double) {
        #expect(ByteRate(text)?.bytesPerSecond == bytesPerSecond)
    }

    @Test(arguments: ["0", "0M", "-5M", "", "fast", "10Mbps", "1bit", "99999999gbit", "M"])
    func nonsenseRatesAreRefused(text: String) {
        #expect(ByteRate(text) == nil)
    }

    @Test(arguments: [
        (Int64(0), "0 B"), (999, "999 B"), (1000, "0.98 KiB"), (1536, "1.50 KiB"), (10 << 20, "10.0 MiB"),
        (1 << 40, "1.00 TiB"),
    ])
    func sizesArePrintedWithThreeDigits(bytes: Int64, text: String) {
        #expect(ByteSize(bytes).description == text)
    }

    @Test(arguments: [
        (Duration.milliseconds(420), "0.42 s"), (.milliseconds(12_340), "12.3 s"), (.seconds(245), "4:05"),
        (.seconds(12_011), "3:20:11"),
    ])
    func durationsAreBrief(duration: Duration, text: String) {
        #expect(duration.brief == text)
    }
}
