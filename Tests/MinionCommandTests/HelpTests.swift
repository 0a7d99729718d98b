import MinionCommand
import Testing

@Suite struct HelpTests {
    private static let dump = """
        {"serializationVersion":0,"command":{"commandName":"tool","abstract":"Does - it.",
         "discussion":"First.\\n\\n  tool do\\n.starts like a request\\n\\nLast \\\\.",
         "subcommands":[
          {"commandName":"do","abstract":"Do.","shouldDisplay":true,"arguments":[
            {"kind":"positional","shouldDisplay":true,"isOptional":false,"isRepeating":true,"valueName":"file",
             "abstract":"The files."},
            {"kind":"option","shouldDisplay":true,"isOptional":true,"isRepeating":false,"sectionTitle":"Limits",
             "names":[{"kind":"short","name":"r"},{"kind":"long","name":"a-rate"}],"valueName":"rate","abstract":"Rate."},
            {"kind":"flag","shouldDisplay":false,"isOptional":true,"isRepeating":false,
             "names":[{"kind":"long","name":"hidden"}]}]},
          {"commandName":"group","abstract":"Group.","subcommands":[{"commandName":"one","abstract":"One."}]},
          {"commandName":"secret","shouldDisplay":false,"abstract":"No."},
          {"commandName":"help","abstract":"No."}]}}
        """

    @Test func manualPageHasWhatIsShown() throws {
        let text = try ManualPage(helpDump: Self.dump, version: "1.2").text
        #expect(text.hasPrefix(".TH MINION 1 \"\" \"minion 1.2\""))
        #expect(text.contains("minion \\- Does \\- it.\n"))
        #expect(text.contains(".SS tool do\nDo.\n"))
        #expect(text.contains(".B tool do\n[options] file ...\n"))
        #expect(text.contains(".PP\n.I Limits\n.TP\n\\fB\\-r\\fR, \\fB\\-\\-a\\-rate\\fR \\fIrate\\fR\nRate.\n"))
        #expect(text.contains(".SS tool group one\n"))
        #expect(text.contains("\n.nf\ntool do\n.fi\n"))
        #expect(text.contains("\n\\&.starts like a request\n"))
        #expect(text.contains("Last \\e.\n"))
        for hidden in ["hidden", "secret", "help"] { #expect(!text.contains(hidden)) }
    }

    @Test func everyLineOfATableIsAligned() {
        var table = TextTable(("NAME", .left), ("SIZE", .right))
        table.add("long name", "1")
        table.add("x\n", "100")
        #expect(table.text == "NAME       SIZE\nlong name     1\nx\\u{a}      100\n")
    }
}
