%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The examples of the documentation print what it shows.
%%
%% The suite calls every line of a page that starts with `$', in the order of the page:
%% through a second node as `sup' does, or as a command line. It compares the output
%% with the lines that follow. It ignores times, ids of runs, names of machines and the
%% order of databases. With `KAZOO_NUMBERS_WRITE_MANUAL' set, it writes the output into
%% the page instead. Read the page before you commit it.
%% @end
-module(kazoo_numbers_manual_SUITE).

-export([all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([examples_of_the_manual_print_what_it_shows/1]).

-define(ACCOUNT, "4b87ccf02d8846f06c3b1f0e04e76bfd").
-define(OTHER, "0123456789abcdef0123456789abcdef").
-define(ACCOUNT_DB, "account/4b/87/ccf02d8846f06c3b1f0e04e76bfd").
-define(OTHER_DB, "account/01/23/456789abcdef0123456789abcdef").

%% The id of a run, in the journal and in a node.
-define(RUN, "[0-9]{8}T[0-9]{6}Z-[0-9]{6}|\\b0\\.[0-9]+\\.0\\b").

all() -> [examples_of_the_manual_print_what_it_shows].

init_per_suite(Config) ->
    test_couch:begin_suite(),
    test_node:distribute(),
    Stubs = test_node:stubs(filename:join(proplists:get_value(priv_dir, Config), "stubs"), [sup]),
    [{stubs, Stubs} | Config].

end_per_suite(_Config) ->
    test_couch:end_suite().

init_per_testcase(Page, Config) ->
    test_couch:reset(),
    scene(),
    Proxy = test_proxy:start(),
    Data = filename:join(proplists:get_value(priv_dir, Config), Page),
    Node = test_node:start(Page
                          ,#{paths => [test_node:ebin(), proplists:get_value(stubs, Config)]
                            ,os_env => [{"COUCHDB_URL", test_proxy:url(Proxy)} | test_node:homes(Data)]
                            }),
    [{proxy, Proxy}, {node, Node}, {data, Data} | Config].

end_per_testcase(_Page, Config) ->
    test_node:stop(proplists:get_value(node, Config)),
    test_proxy:stop(proplists:get_value(proxy, Config)).

examples_of_the_manual_print_what_it_shows(Config) -> is_shown(Config, "docs/manual.md", 20).

%%------------------------------------------------------------------------------

%% Fails also if the page has fewer than `AtLeast' calls.
is_shown(Config, Page, AtLeast) ->
    Path = filename:join(root(), Page),
    {ok, Text} = file:read_file(Path),
    Shown = page(binary:split(Text, <<"\n">>, [global])),
    true = length([Call || {call, Call, _} <- Shown]) >= AtLeast,
    {Printed, _Runs} = lists:mapfoldl(fun(Part, Runs) -> part(Config, Part, Runs) end, #{}, Shown),
    Differing = [{Was, Is} || {Was, Is} <- lists:zip(Shown, Printed), sorted(Was) =/= sorted(Is)],
    case {Differing, os:getenv("KAZOO_NUMBERS_WRITE_MANUAL")} of
        {[], _} -> ok;
        {_, false} ->
            [ct:pal("~ts shows~n~ts~nprinted was~n~ts", [Page, text([Was]), text([Is])]) || {Was, Is} <- Differing],
            ct:fail("~ts shows what is not printed", [Page]);
        {_, _} -> ok = file:write_file(Path, text(Printed))
    end.

page([<<"    $ ", Call/binary>> | Lines]) ->
    {Output, Rest} = lists:splitwith(fun is_output/1, Lines),
    [{call, Call, [Line || <<"    ", Line/binary>> <- Output]} | page(Rest)];
page([Line | Lines]) -> [{prose, Line} | page(Lines)];
page([]) -> [].

is_output(<<"    $ ", _/binary>>) -> false;
is_output(<<"    ", _/binary>>) -> true;
is_output(_) -> false.

text(Parts) ->
    unicode:characters_to_binary(lists:join($\n, lists:flatmap(fun lines/1, Parts))).

lines({prose, Line}) -> [Line];
lines({call, Call, Output}) -> [["    $ ", Call] | [["    ", Line] || Line <- Output]].

%% The runs of the page have other ids. The order of the calls says which is which.
part(_Config, {prose, _} = Prose, Runs) -> {Prose, Runs};
part(Config, {call, Call, Shown}, Runs) ->
    Ours = maps:fold(fun(Theirs, Run, Text) -> binary:replace(Text, Theirs, Run, [global]) end, Call, Runs),
    Printed = [unicode:characters_to_binary(Line) || Line <- call(Config, Ours)],
    ct:log("~ts", [text([{call, Ours, Printed}])]),
    {{call, Ours, Printed}, lists:foldl(fun({Theirs, Run}, Known) -> maps:put(Theirs, Run, Known) end, Runs, pairs(runs(Shown), runs(Printed)))}.

runs(Lines) ->
    case re:run(text([{call, <<>>, Lines}]), ?RUN, [global, {capture, first, binary}]) of
        {match, Found} -> lists:append(Found);
        nomatch -> []
    end.

pairs([A | As], [B | Bs]) -> [{A, B} | pairs(As, Bs)];
pairs(_, _) -> [].

%% The order of databases differs from run to run.
sorted(Part) -> lists:sort(binary:split(plain(Part), <<"\n">>, [global])).

%% The text without the parts that differ from run to run.
plain(Part) ->
    lists:foldl(fun({Differs, Name}, Text) -> re:replace(Text, Differs, Name, [global, {return, binary}]) end
               ,text([Part])
               ,[{?RUN, "RUN"}
                ,{"[0-9]+-[0-9a-f]{32}", "REVISION"}
                ,{"pvt_modified +[0-9]{11} ", "pvt_modified TIME"}
                ,{"http://127\\.0\\.0\\.1:[0-9]+", "SERVER"}
                ,{", run [0-9a-f]{16}", ", run ID"}
                ,{"; at present: [^\n,]*, for [0-9.]+ seconds( \\(and [0-9]+ more\\))?", "; at present: ACTIVITY"}
                ,{"[0-9]+(\\.[0-9]+)? seconds", "SECONDS seconds"}
                ,{"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z", "TIME"}
                ,{"(by|from|on) [^ ,]+@[^ ,:]+", "\\1 SOMEWHERE"}
                ,{"  [a-z]+_[0-9]+@[^ ,:]+  ", "  SOMEWHERE  "}
                ]
               ).

root() ->
    filename:dirname(filename:dirname(proplists:get_value(source, ?MODULE:module_info(compile)))).

%%------------------------------------------------------------------------------

call(Config, <<"sup kazoo_numbers_maintenance ", Words/binary>>) ->
    {_, Node} = proplists:get_value(node, Config),
    [Function | Arguments] = string:lexemes(Words, " "),
    meanwhile(Config
             ,Function
             ,fun() ->
                      {Result, Printed} = test_operator:sup(Node, binary_to_atom(Function, utf8), Arguments),
                      [Line || Line <- Printed, Line =/= []] ++ returned(Result)
              end
             );
call(Config, <<"kazoo-numbers ", Words/binary>>) ->
    Port = open_port({spawn_executable, filename:join(test_node:priv(), "kazoo-numbers")}
                    ,[{args, string:lexemes(Words, " ")}
                     ,{env, [{"COUCHDB_URL", test_couch:url()} | test_node:homes(proplists:get_value(data, Config))]}
                     ,binary, exit_status, stderr_to_stdout
                     ]),
    string:split(string:trim(printed_by(Port, <<>>), trailing, "\n"), "\n", all).

printed_by(Port, Printed) ->
    receive
        {Port, {data, More}} -> printed_by(Port, <<Printed/binary, More/binary>>);
        {Port, {exit_status, _}} -> Printed
    end.

%% The lines that `sup' prints for a result.
returned(no_return) -> [];
returned({no_return, _Status}) -> [];
returned(Term) -> [io_lib:format("~p", [Term])].

%% The page shows these calls during another run.
meanwhile(Config, <<"status">>, Call) ->
    {_, Node} = proplists:get_value(node, Config),
    Proxy = proplists:get_value(proxy, Config),
    Known = test_proxy:requests(Proxy),
    test_proxy:delay(Proxy, 5000),
    _ = spawn(fun() -> test_operator:sup(Node, copy_number_dbs_to_accounts, []) end),
    await(fun() -> test_proxy:requests(Proxy) > Known end),
    Call();
meanwhile(Config, <<"cancel">>, Call) ->
    try Call()
    after test_proxy:delay(proplists:get_value(proxy, Config), 0)
    end;
meanwhile(_Config, <<"remove_wrong_assigned_from_accounts">>, Call) ->
    test_couch:hold_lock(["{\"run\":\"first\",\"command\":\"copy_number_dbs_to_accounts\",\"who\":\"sup_4711@kz1\",\"place\":\"kazoo_apps@kz1\""
                          ",\"scope\":\"exclusive\",\"since\":\"2026-11-24T03:00:00Z\",\"renewed\":\""
                         ,calendar:system_time_to_rfc3339(erlang:system_time(second), [{offset, "Z"}])
                         ,"\",\"lease_seconds\":60}"
                         ]),
    try Call()
    after test_couch:hold_lock([])
    end;
meanwhile(_Config, _Function, Call) -> Call().

await(Condition) ->
    case Condition() of
        true -> ok;
        false -> timer:sleep(20), await(Condition)
    end.

%%------------------------------------------------------------------------------

%% Two accounts with drift.
scene() ->
    lists:foreach(fun test_couch:create/1, [?ACCOUNT_DB, ?OTHER_DB, "numbers/+1202", "numbers/+1415"]),
    test_couch:bulk("numbers/+1415"
                   ,[number("+14155550100", ?ACCOUNT, "knm_telnyx", "")
                    ,number("+14155550101", ?ACCOUNT, "knm_bandwidth", "")
                    ,number("+14155550102", ?OTHER, "knm_local", "")
                    ,number("+14155550103", ?ACCOUNT, "knm_telnyx", ",\"cnam\":{\"display_name\":\"Ann\"}")
                    ]),
    test_couch:bulk("numbers/+1202"
                   ,[number("+12025550110", ?OTHER, "knm_telnyx", ",\"pvt_used_by\":\"callflow\"")
                    ,number("+12025550111", ?OTHER, "knm_telnyx", "")
                    ]),
    test_couch:bulk(?ACCOUNT_DB
                   ,[number("+12025550120", ?ACCOUNT, "knm_telnyx", "")
                    ,number("+14155550100", ?ACCOUNT, "knm_telnyx", "")
                    ,number("+14155550102", ?OTHER, "knm_local", "")
                    ,number("+14155550103", ?ACCOUNT, "knm_telnyx", "")
                    ,"{\"_id\":\"0b52a3f1c47d4e2f9a6b8c7d5e4f3a21\",\"pvt_type\":\"callflow\",\"numbers\":[\"+14155550100\"],\"flow\":{\"module\":\"menu\"}}"
                    ]),
    test_couch:bulk(?OTHER_DB
                   ,[number("+12025550110", ?OTHER, "knm_telnyx", ",\"pvt_used_by\":\"callflow\"")
                    ,number("+12025550119", ?OTHER, "knm_telnyx", "")
                    ,number("+14155550101", ?ACCOUNT, "knm_bandwidth", "")
                    ,number("+14155550102", ?OTHER, "knm_local", "")
                    ,"{\"_id\":\"7c61b4e2d58f4a3e8b9c0d1e2f3a4b5c\",\"pvt_type\":\"sys_info\",\"servers\":[{\"DIDs\":{\"+12025550110\":{}}}]}"
                    ]).

number(Number, Account, Carrier, More) ->
    io_lib:format("{\"_id\":\"~s\",\"pvt_type\":\"number\",\"pvt_assigned_to\":\"~s\",\"pvt_module_name\":\"~s\",\"pvt_state\":\"in_service\"~s}"
                 ,[Number, Account, Carrier, More]).
