%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The commands that need a running Kazoo, as thin calls to it.
-module(kazoo_numbers_kazoo_commands).

-export([is_command/2, run/2]).

-ignore_xref([{kapps_maintenance, refresh, 1}
             ,{knm_carriers, all_modules, 0}
             ,{knm_numbers, delete, 2}
             ,{knm_options, default, 0}
             ,{knm_port_request, migrate, 0}
             ,{knm_util, get_all_number_dbs, 0}
             ,{knm_vitelity_util, migrate, 0}
             ,{kz_datamgr, db_create, 1}
             ,{kz_datamgr, db_exists, 1}
             ,{kz_datamgr, register_views_from_folder, 1}
             ]).

%% The table of the commands: what runs each of them.
commands() ->
    #{{<<"init_dbs">>, 0} => fun init_dbs/0
     ,{<<"register_views">>, 0} => fun register_views/0
     ,{<<"refresh_numbers_dbs">>, 0} => fun refresh_numbers_dbs/0
     ,{<<"refresh_numbers_db">>, 1} => fun refresh_numbers_db/1
     ,{<<"update_number_services_view">>, 1} => fun update_number_services_view/1
     ,{<<"generate_js_classifiers">>, 1} => fun kazoo_numbers_kazoo_views:classifiers/1
     ,{<<"migrate">>, 0} => fun migrate/0
     ,{<<"migrate_port_requests">>, 0} => fun migrate_port_requests/0
     ,{<<"generate_numbers">>, 4} => fun generate_numbers/4
     ,{<<"delete">>, 1} => fun delete/1
     ,{<<"feature_permissions_on_reseller_of">>, 1} => fun feature_permissions_on_reseller_of/1
     ,{<<"add_allowed_feature_on_reseller_of">>, 2} => edit_reseller(add, allow)
     ,{<<"remove_allowed_feature_on_reseller_of">>, 2} => edit_reseller(remove, allow)
     ,{<<"add_denied_feature_on_reseller_of">>, 2} => edit_reseller(add, deny)
     ,{<<"remove_denied_feature_on_reseller_of">>, 2} => edit_reseller(remove, deny)
     }.

%% @doc Whether a command needs Kazoo. Without Kazoo this answers too.
-spec is_command(Function :: binary(), arity()) -> boolean().
is_command(Function, Arity) -> maps:is_key({Function, Arity}, commands()).

%% @doc Runs a command. Kazoo calls some of these when it starts, so an error is a line
%% and never an exception.
%% @end
-spec run(Function :: binary(), Arguments :: [term()]) -> term().
run(Function, Arguments) ->
    #{{Function, length(Arguments)} := Run} = commands(),
    try apply(Run, Arguments)
    catch
        throw:{refused, Line} ->
            say(Line),
            {no_return, 2};
        error:undef ->
            failed("error: cannot run ~ts: this Kazoo does not have a function that it needs", [Function]);
        Class:Reason:Stack ->
            failed("error: cannot run ~ts: it failed in Kazoo: ~ts", [Function, kazoo_numbers_reason:crash(Class, Reason, Stack)])
    end.

failed(Format, Arguments) ->
    kazoo_numbers_output:failed(kazoo_numbers_host_kazoo, [line(Format, Arguments)]).

%%------------------------------------------------------------------------------
%% Databases and views
%%------------------------------------------------------------------------------

init_dbs() ->
    lists:foreach(fun init_db/1, [<<"numbers%2Fmanaged">>, <<"numbers%2Finum">>, <<"port_requests">>]).

init_db(Db) ->
    _ = kz_datamgr:db_exists(Db)
        orelse kz_datamgr:db_create(Db),
    _ = kapps_maintenance:refresh(Db),
    ok.

register_views() ->
    _ = kz_datamgr:register_views_from_folder(kazoo_numbers),
    ok.

refresh_numbers_dbs() ->
    Dbs = knm_util:get_all_number_dbs(),
    Pause = proplists:get_value(time_between_db_ms, kazoo_numbers_kazoo_config:positive(time_between_db_ms), 0),
    refresh(Dbs, 1, length(Dbs), Pause).

refresh([], _Position, _Total, _Pause) -> ok;
refresh([Db | Dbs], Position, Total, Pause) ->
    say(line("(~b/~b) refreshing ~ts", [Position, Total, Db])),
    _ = kapps_maintenance:refresh(Db),
    _ = Dbs =/= []
        andalso timer:sleep(Pause),
    refresh(Dbs, Position + 1, Total, Pause).

refresh_numbers_db(Name) ->
    Db = number_db(Name),
    _ = kapps_maintenance:refresh(Db),
    say(line("refreshed ~ts", [Db])).

update_number_services_view(Account) ->
    ok = kazoo_numbers_kazoo_views:update_services_view(account_db(Account)),
    no_return.

%%------------------------------------------------------------------------------
%% Migrations
%%------------------------------------------------------------------------------

migrate() ->
    _ = kazoo_numbers_maintenance:ensure_adminonly_features_are_reachable(),
    _ = kazoo_numbers_maintenance:refresh_numbers_dbs(),
    _ = kazoo_numbers_maintenance:migrate_unassigned_numbers(),
    _ = knm_vitelity_util:migrate(),
    ok.

migrate_port_requests() ->
    _ = knm_port_request:migrate(),
    ok.

%%------------------------------------------------------------------------------
%% Numbers
%%------------------------------------------------------------------------------

generate_numbers(Type, Account, First, Quantity) ->
    Carrier = carrier(text(Type)),
    Carrier:generate_numbers(account_id(Account), natural(First), natural(Quantity)).

delete(Argument) ->
    Number = text(Argument),
    case knm_numbers:delete(Number, knm_options:default()) of
        {ok, _Deleted} -> say(line("Removed ~ts", [kazoo_numbers_arguments:shown(Number)]));
        {ok, _Deleted, [{_Number, Reason} | _]} -> not_deleted(Reason);
        Error -> not_deleted(Error)
    end,
    no_return.

not_deleted(Reason) -> say(line("ERROR: {error,~ts}", [kazoo_numbers_reason:kind(Reason)])).

%%------------------------------------------------------------------------------
%% Features of resellers
%%------------------------------------------------------------------------------

feature_permissions_on_reseller_of(Account) ->
    kazoo_numbers_kazoo_features:show_reseller(account_id(Account)).

edit_reseller(Edit, Permission) ->
    fun(Feature, Account) ->
            kazoo_numbers_kazoo_features:edit_reseller(Edit, Permission, text(Feature), account_id(Account))
    end.

%%------------------------------------------------------------------------------
%% Arguments
%%------------------------------------------------------------------------------

text(Argument) ->
    case kazoo_numbers_arguments:text(Argument) of
        {ok, Text} -> Text;
        error -> refuse("error: cannot use an argument that is ~ts: expected a binary or a string", [kazoo_numbers_reason:type(Argument)])
    end.

natural(Argument) ->
    Text = text(Argument),
    try binary_to_integer(Text) of
        Integer when Integer >= 0 -> Integer;
        _Negative -> refuse_natural(Text)
    catch
        error:badarg -> refuse_natural(Text)
    end.

-spec refuse_natural(binary()) -> no_return().
refuse_natural(Text) -> refuse_text(Text, "a number", "a whole number, 0 or greater").

account_id(Argument) ->
    Text = text(Argument),
    case kazoo_numbers_arguments:account_id(Text) of
        {ok, AccountId} -> AccountId;
        error ->
            refuse_text(Text, "an account", "32 hexadecimal digits, for example 0123456789abcdef0123456789abcdef"
                        ", or account/01/23/456789abcdef0123456789abcdef")
    end.

account_db(Argument) ->
    <<A:2/binary, B:2/binary, Rest/binary>> = account_id(Argument),
    <<"account%2F", A/binary, "%2F", B/binary, "%2F", Rest/binary>>.

number_db(Argument) ->
    Text = text(Argument),
    case kazoo_numbers_arguments:number_db(Text) of
        {ok, Db} -> Db;
        error -> refuse_text(Text, "a number database", "for example numbers%2F%2B1415, numbers/+1415 or +1415")
    end.

%% The module is one that Kazoo lists, because text of an operator must create no atom.
carrier(Type) ->
    Name = <<"knm_", Type/binary>>,
    case lists:member(Name, knm_carriers:all_modules()) of
        true -> binary_to_atom(Name, utf8);
        false -> refuse_text(Type, "a kind of number", "the name of a carrier module without knm_, for example managed")
    end.

-spec refuse_text(Text :: binary(), What :: string(), Expected :: string()) -> no_return().
refuse_text(Text, What, Expected) ->
    refuse("error: cannot use ~ts as ~ts: expected ~ts", [kazoo_numbers_arguments:shown(Text), What, Expected]).

-spec refuse(Format :: string(), Arguments :: [term()]) -> no_return().
refuse(Format, Arguments) -> throw({refused, line(Format, Arguments)}).

%%------------------------------------------------------------------------------
%% Lines
%%------------------------------------------------------------------------------

say(Line) -> kazoo_numbers_output:say(kazoo_numbers_host_kazoo, [Line]).

line(Format, Arguments) ->
    unicode:characters_to_binary(io_lib:format(Format, Arguments)).
